"""Which Kafka and which PostgreSQL: the ones named in the environment, else the embedded ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from kit.database_url import checked
from lab.backends.errors import BackendError
from lab.backends.kafka import KafkaBroker
from lab.backends.postgres import PostgresServer
from lab.backends.server import EmbeddedServer, silent
from lab.supervision.home import Home
from lab.supervision.spec import ProcessSpec


@dataclass(frozen=True)
class Addresses:
    """`kafka`: host:port, comma-separated for several. `postgres`: URL of a role that may create databases and roles;
    it holds a password, so print `masked`."""

    kafka: str
    postgres: str

    @property
    def masked(self) -> str:
        password = urlsplit(self.postgres).password
        shown = self.postgres.replace(f":{password}@", ":***@") if password else self.postgres
        return f"Kafka {self.kafka}, PostgreSQL {shown}"


@dataclass(frozen=True)
class Backends:
    """`kafka` and `postgres` are None where the environment names a server of somebody else's: that is neither started
    nor stopped nor killed."""

    kafka: KafkaBroker | None
    postgres: PostgresServer | None
    external: Addresses

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            kafka=self.kafka.bootstrap_servers if self.kafka else self.external.kafka,
            postgres=self.postgres.admin_url if self.postgres else self.external.postgres,
        )

    @property
    def embedded(self) -> list[EmbeddedServer]:
        return [server for server in (self.postgres, self.kafka) if server is not None]

    def specs(self) -> list[ProcessSpec]:
        """For a Supervisor, in the order to start them."""
        return [server.spec() for server in self.embedded]

    def start(self, deadline: float = 60.0, progress: Callable[[str], None] = silent) -> Addresses:
        """Starts what is embedded and says where both are; when one fails, none is left running."""
        try:
            for server in self.embedded:
                server.start(deadline, progress)
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self, deadline: float = 30.0) -> None:
        for server in reversed(self.embedded):
            server.stop(deadline)


def backends_from_environment(
    home: Home, kafka_properties: Mapping[str, str] | None = None, postgres_settings: Mapping[str, str] | None = None
) -> Backends:
    """`KAFKA_BOOTSTRAP_SERVERS` and `SHOP_POSTGRES_URL` replace the embedded servers, one or both."""
    kafka, postgres = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", ""), os.environ.get("SHOP_POSTGRES_URL", "")
    if postgres and urlsplit(postgres).scheme not in ("postgresql", "postgres"):
        raise BackendError(
            "SHOP_POSTGRES_URL is not an admin URL such as postgresql://postgres:secret@127.0.0.1:5432/postgres"
        )
    if postgres:
        try:
            checked(postgres)
        except ValueError as error:
            raise BackendError(f"SHOP_POSTGRES_URL: {error}") from None
    protocol = os.environ.get("KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT"
    if not kafka and protocol != "PLAINTEXT":
        raise BackendError(
            f"KAFKA_SECURITY_PROTOCOL={protocol} is for a Kafka of your own, and KAFKA_BOOTSTRAP_SERVERS names none: "
            "set it, or unset KAFKA_SECURITY_PROTOCOL (the one that is started here takes plain connections)"
        )
    return Backends(
        kafka=None if kafka else KafkaBroker(home, kafka_properties),
        postgres=None if postgres else PostgresServer(home, postgres_settings),
        external=Addresses(kafka, postgres),
    )
