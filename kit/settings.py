"""What every service process is told through its environment: one place, defaults that work, printed at start."""

from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Wiring = Literal[
    "events",
    "chain",
    "chain-retry",
    "chain-breaker",
    "chain-mesh",
    "tcc",
    "2pc",
    "3pc",
]


class ServiceSettings(BaseSettings):
    """Settings shared by all services; each service subclasses it with its own default port.

    Environment names are the fields in upper case behind ``SHOP_`` (``SHOP_DATABASE_URL``), except Kafka's address,
    which is ``KAFKA_BOOTSTRAP_SERVERS`` as everywhere.
    """

    model_config = SettingsConfigDict(env_prefix="SHOP_", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(description="this service's own database, postgresql://user:password@host:port/name")
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS")
    )
    topic_prefix: str = Field(default="shop", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")
    wiring: Wiring = Field(default="events", description="how the three services are connected")
    host: str = "127.0.0.1"
    port: int = 8080
    log_format: Literal["console", "json"] = "console"
    database_pool: int = Field(default=10, ge=2, description="most connections to the database at a time")
    prepared_limit: int = Field(default=20, ge=1, description="2pc: most transactions prepared at a time")
    lock_timeout_seconds: float = Field(default=1.0, gt=0, description="2pc: how long to wait for a locked row")
    in_doubt_seconds: float = Field(
        default=5.0, gt=0, description="2pc: a transaction prepared for longer asks the coordinator"
    )
    phase_timeout_seconds: float = Field(
        default=5.0, gt=0, description="3pc: how long to wait for the next phase before ending it without the others"
    )
    three_phase_termination: Literal["ask", "timeouts"] = Field(
        default="ask", description="3pc: ask the others before ending it, or go by the time-out alone"
    )
    shutdown_grace_seconds: float = Field(default=10, gt=0)

    def lines(self) -> list[str]:
        """``name = value`` for each setting, passwords masked, for the log at start."""
        return [f"{name} = {masked(value)}" for name, value in self.model_dump().items()]


def masked(value: object) -> str:
    """The value as text; the password of a URL becomes ``***``."""
    text = str(value)
    parts = urlsplit(text) if "://" in text else None
    if parts is None or parts.password is None:
        return text
    netloc = f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc))
