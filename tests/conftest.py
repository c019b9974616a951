"""Real backends for whoever asks for them: those named in the environment, else embedded ones, started once a session.

Every test gets databases and a topic prefix of its own, so that nothing has to be cleaned up and nothing can leak.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from events.kafka import Kafka
from lab.backends import Addresses, backends_from_environment
from lab.supervision.home import Home

CreateDatabase = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Kafka and PostgreSQL: ``KAFKA_BOOTSTRAP_SERVERS`` and ``SHOP_POSTGRES_URL``, or embedded ones."""
    home = Home(tmp_path_factory.mktemp("backends"))
    # Only these tests hold so little dear that they do without fsync; what survives kill -9 is tested on other servers.
    backends = backends_from_environment(home, {}, {"fsync": "off"})
    yield backends.start()
    backends.stop()


@pytest.fixture(scope="session")
def kafka_bootstrap(addresses: Addresses) -> str:
    return addresses.kafka


@pytest.fixture(scope="session")
def postgres_url(addresses: Addresses) -> str:
    """A role that may create databases and roles."""
    return addresses.postgres


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Kafka:
    """The broker under a prefix that no other test uses."""
    return Kafka(kafka_bootstrap, f"t{uuid.uuid4().hex[:10]}")


@pytest.fixture
async def create_database(postgres_url: str) -> AsyncIterator[CreateDatabase]:
    """``await create_database("orders")`` is the URL of an empty database; all of them are dropped after the test."""
    made: list[str] = []
    admin = await asyncpg.connect(postgres_url)

    async def create(name: str) -> str:
        made.append(f"{name}_{uuid.uuid4().hex[:10]}")
        await admin.execute(f'CREATE DATABASE "{made[-1]}"')
        return urlsplit(postgres_url)._replace(path=f"/{made[-1]}").geturl()

    yield create
    for name in made:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()
