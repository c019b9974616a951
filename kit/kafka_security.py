"""How a connection to Kafka is protected, and as whom it is made."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True)
class KafkaSecurity:
    """What a client needs besides the address. Passwords are in no ``repr``.

    Files are read each time that a client is made, so that a changed one is taken in by the next client.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    password_file: Path | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    key_password: SecretStr | None = field(default=None, repr=False)

    @property
    def encrypted(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def authenticated(self) -> bool:
        """Whether a user name and password are sent."""
        return self.protocol.startswith("SASL")

    def client_options(self) -> dict[str, Any]:
        """Options of every aiokafka client; contains the password. Raises OSError when a file is not there any more."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.authenticated:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.secret(),
            }
        if self.encrypted:
            options["ssl_context"] = self.ssl_context()
        return options

    def secret(self) -> str:
        """The password itself."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        return self.password.get_secret_value() if self.password else ""

    def ssl_context(self) -> ssl.SSLContext:
        """Checks the broker's certificate and its name against ``cafile`` (else the system's authorities), and shows
        this client's own certificate if it has one. Raises OSError (``ssl.SSLError`` is one)."""
        context = ssl.create_default_context(cafile=self.cafile)
        if self.certfile is not None:
            password = self.key_password.get_secret_value() if self.key_password else ""
            context.load_cert_chain(self.certfile, self.keyfile, lambda: password)  # never asks at the terminal
        return context


_VARIABLES = {
    "username": "KAFKA_SASL_USERNAME",
    "password": "KAFKA_SASL_PASSWORD",
    "password_file": "KAFKA_SASL_PASSWORD_FILE",
    "cafile": "KAFKA_SSL_CAFILE",
    "certfile": "KAFKA_SSL_CERTFILE",
    "keyfile": "KAFKA_SSL_KEYFILE",
    "key_password": "KAFKA_SSL_KEY_PASSWORD",
}


def wrong(security: KafkaSecurity) -> str | None:
    """What is wrong with the combination, and what would be right, by the names of the variables. None: nothing."""
    told = {variable for name, variable in _VARIABLES.items() if getattr(security, name) is not None}
    stray = []
    if not security.authenticated:
        stray += sorted(told & {"KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE"})
    if not security.encrypted:
        stray += sorted(name for name in told if name.startswith("KAFKA_SSL_"))
    if stray:
        right = "SASL_SSL" if not security.authenticated else "SSL or SASL_SSL"
        return (
            f"{stray[0]} is set, but KAFKA_SECURITY_PROTOCOL is {security.protocol}, which does not use it; "
            f"set KAFKA_SECURITY_PROTOCOL={right}, or unset {stray[0]}"
        )
    if security.authenticated:
        if security.username is None:
            return f"KAFKA_SASL_USERNAME is missing: KAFKA_SECURITY_PROTOCOL={security.protocol} needs a user"
        if (security.password is None) == (security.password_file is None):
            return (
                f"KAFKA_SECURITY_PROTOCOL={security.protocol} needs the user's password in KAFKA_SASL_PASSWORD, or in "
                "a file that KAFKA_SASL_PASSWORD_FILE names: one of them, not both"
            )
    return _unreadable(security)


def _unreadable(security: KafkaSecurity) -> str | None:
    if security.keyfile is not None and security.certfile is None:
        return "KAFKA_SSL_KEYFILE is set without KAFKA_SSL_CERTFILE, the certificate that the key belongs to"
    if security.password_file is not None:
        try:
            if not security.secret():
                return f"KAFKA_SASL_PASSWORD_FILE: {security.password_file} is empty; it must hold the password"
        except (OSError, UnicodeDecodeError) as error:
            return f"KAFKA_SASL_PASSWORD_FILE cannot be read: {error}"
    if security.encrypted:
        return _no_certificates(security)
    return None


def _no_certificates(security: KafkaSecurity) -> str | None:
    try:
        ssl.create_default_context(cafile=security.cafile)
    except OSError as error:
        return f"KAFKA_SSL_CAFILE must be a PEM file with the authority's certificate; {security.cafile}: {error}"
    try:
        security.ssl_context()
    except (OSError, ValueError) as error:
        return (
            "KAFKA_SSL_CERTFILE must be a PEM file with this client's certificate, and KAFKA_SSL_KEYFILE one with its "
            f"key (KAFKA_SSL_KEY_PASSWORD, if it is encrypted); {security.certfile}, {security.keyfile}: {error}"
        )
    return None
