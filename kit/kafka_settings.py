"""How this process gets to Kafka: where it is, as whom, and how the connection is protected. From ``KAFKA_*``."""

from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.kafka_security import KafkaSecurity, Mechanism, Protocol, wrong


def _variable(name: str, default: Any = None, **options: Any) -> Any:
    return Field(default=default, validation_alias=AliasChoices(name), **options)


class KafkaSettings(BaseSettings):
    """The names are Kafka's own, in capitals: ``security.protocol`` is ``KAFKA_SECURITY_PROTOCOL``. What does not fit
    together is refused by name."""

    model_config = SettingsConfigDict(
        env_prefix="SHOP_", env_ignore_empty=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    kafka_bootstrap_servers: str = _variable("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    kafka_security_protocol: Protocol = _variable("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    kafka_sasl_mechanism: Mechanism = _variable("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    kafka_sasl_username: str | None = _variable("KAFKA_SASL_USERNAME")
    kafka_sasl_password: SecretStr | None = _variable("KAFKA_SASL_PASSWORD")
    kafka_sasl_password_file: Path | None = _variable("KAFKA_SASL_PASSWORD_FILE")
    kafka_ssl_cafile: Path | None = _variable("KAFKA_SSL_CAFILE")
    kafka_ssl_certfile: Path | None = _variable("KAFKA_SSL_CERTFILE")
    kafka_ssl_keyfile: Path | None = _variable("KAFKA_SSL_KEYFILE")
    kafka_ssl_key_password: SecretStr | None = _variable("KAFKA_SSL_KEY_PASSWORD")
    topic_prefix: str = Field(default="shop", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")

    @property
    def kafka_security(self) -> KafkaSecurity:
        return KafkaSecurity(
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_sasl_username,
            self.kafka_sasl_password,
            self.kafka_sasl_password_file,
            self.kafka_ssl_cafile,
            self.kafka_ssl_certfile,
            self.kafka_ssl_keyfile,
            self.kafka_ssl_key_password,
        )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        reason = wrong(self.kafka_security)
        if reason:
            raise ValueError(reason)
        return self


def security_here() -> KafkaSecurity:
    """What the environment of this process says. Raises pydantic's ValidationError."""
    return KafkaSettings().kafka_security
