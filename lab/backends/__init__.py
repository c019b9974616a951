"""Apache Kafka and PostgreSQL, found in the environment or run from packages."""

from lab.backends.environment import Addresses, Backends, backends_from_environment
from lab.backends.errors import BackendError, DataUnusable, JarsDiffer, NoAccount, NoJava
from lab.backends.kafka import KafkaBroker
from lab.backends.postgres import PostgresServer
from lab.backends.server import EmbeddedServer

__all__ = [
    "Addresses",
    "BackendError",
    "Backends",
    "DataUnusable",
    "EmbeddedServer",
    "JarsDiffer",
    "KafkaBroker",
    "NoAccount",
    "NoJava",
    "PostgresServer",
    "backends_from_environment",
]
