"""Real backends for whoever asks for them: those named in the environment, else embedded ones, started once a session.

Every test gets databases and a topic prefix of its own, so that nothing has to be cleaned up and nothing can leak.
"""

import re
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from xdist.scheduler import LoadScopeScheduling

from events.kafka import Kafka
from lab.backends import Addresses, backends_from_environment
from lab.supervision.home import Home

CreateDatabase = Callable[[str], Awaitable[str]]


LONGEST = ("containers", "end_to_end", "lab/comparing", "lab/commands", "protocols", "lab/replay", "events")
"""Folders that begin first where tests run side by side, so that no worker is left alone with them at the end."""


class SideBySide(LoadScopeScheduling):  # type: ignore[misc]
    """Where tests run side by side, a file stays on one worker, and so do all that share the end-to-end shop, all that
    start containers, and all of tests/security, which share servers."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        for folder in ("containers", "security"):
            if file.startswith(f"tests/{folder}/"):
                return folder
        return "the shop" if file in _sharing() else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    """Stable: within a folder tests stay in their order."""
    ranks = (rank for rank, folder in enumerate(LONGEST) if nodeid.startswith(f"tests/{folder}/"))
    return next(ranks, len(LONGEST))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SideBySide:
    return SideBySide(config, log)


@cache
def _sharing() -> frozenset[str]:
    """Files whose tests use the shop of tests/end_to_end/conftest.py, and have none of their own."""
    folder = Path(__file__).parent / "end_to_end"
    files = (path for path in folder.glob("test_*.py") if re.search(r"\bshop: RunningShop", path.read_text()))
    shared = [path for path in files if "async def shop(" not in path.read_text()]
    return frozenset(str(path.relative_to(folder.parents[1])) for path in shared)


@pytest.fixture(scope="session")
def addresses() -> Iterator[Addresses]:
    """Kafka and PostgreSQL: ``KAFKA_BOOTSTRAP_SERVERS`` and ``SHOP_POSTGRES_URL``, or embedded ones."""
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    home = Home(folder / "home")
    # Only these tests hold so little dear that they do without fsync; what survives kill -9 is tested on other servers.
    # Compaction is waited for, so it looks for work more often than each 15 s.
    backends = backends_from_environment(home, {"log.cleaner.backoff.ms": "500"}, {"fsync": "off"})
    yield backends.start()
    backends.stop()
    shutil.rmtree(folder)


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
