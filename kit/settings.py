"""What every service process is told through its environment: one place, defaults that work, printed at start."""

import re
from typing import Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings

from kit import database_url
from kit.kafka_settings import KafkaSettings

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


class ServiceSettings(KafkaSettings):
    """Settings shared by all services; each service subclasses it with its own default port.

    Environment names are the fields in upper case behind ``SHOP_`` (``SHOP_DATABASE_URL``), except Kafka's, which are
    ``KAFKA_BOOTSTRAP_SERVERS`` and so on, as everywhere. An error never shows what was given: it may be a password.
    """

    database_url: str = Field(description="this service's own database, postgresql://user:password@host:port/name")
    wiring: Wiring = Field(default="events", description="how the three services are connected")
    host: str = "127.0.0.1"
    port: int = 8080
    log_format: Literal["console", "json"] = "console"
    trace_file: str | None = Field(default=None, description="where spans of sampled traces are appended, one a line")
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

    @field_validator("database_url")
    @classmethod
    def _database_url_can_work(cls, url: str) -> str:
        return database_url.checked(url)

    def lines(self) -> list[str]:
        """``name = value`` for each setting, passwords masked, for the log at start."""
        return [f"{name} = {masked(value)}" for name, value in self.model_dump().items()]


Settings = TypeVar("Settings", bound=BaseSettings)


def from_environment(kind: type[Settings]) -> Settings:
    """The settings of this process. Where they cannot be, it ends (exit code 1) and says on stderr what was wrong."""
    try:
        return kind()
    except ValidationError as error:
        raise SystemExit(f"cannot start: {what_is_wrong(error)}") from None


def what_is_wrong(error: ValidationError) -> str:
    """Each wrong variable with what would be right, and without its value, which may be a password."""
    return "; ".join(_told(str(wrong["loc"][0]) if wrong["loc"] else "", wrong["msg"]) for wrong in error.errors())


def _told(field: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not field:
        return message
    return f"{field if field.isupper() else f'SHOP_{field.upper()}'}: {message}"


def masked(value: object) -> str:
    """The value as text; the passwords in a URL become ``***``."""
    text = re.sub(r"(?<=[?&])((?:ssl)?password=)[^&]*", r"\1***", str(value))
    parts = urlsplit(text) if "://" in text else None
    if parts is None or parts.password is None:
        return text
    netloc = f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc))
