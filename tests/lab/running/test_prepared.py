"""A server without places for prepared transactions: the shop command says so, and so does a service."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from kit.database import Database
from kit.ids import new_id
from kit.problems import Problem
from kit.two_phase import PreparedTransactions
from lab.backends.postgres import PostgresServer
from lab.running.errors import NotPrepared
from lab.running.prepared import need_places
from lab.supervision.home import Home


@pytest.fixture(scope="module")
def url_without_places() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="shop-tests-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    server = PostgresServer(Home(folder / "home"), {"max_prepared_transactions": "0", "fsync": "off"})
    server.start()
    yield server.admin_url
    server.stop()
    shutil.rmtree(folder)


async def test_the_shop_is_not_opened_in_2pc_and_the_message_says_what_to_set(url_without_places: str) -> None:
    admin = await asyncpg.connect(url_without_places)
    with pytest.raises(NotPrepared, match="max_prepared_transactions = 64"):
        await need_places(admin)
    await admin.close()


async def test_our_own_server_has_places(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    await need_places(admin)
    await admin.close()


async def test_a_service_refuses_to_vote_and_says_why(url_without_places: str) -> None:
    admin = await asyncpg.connect(url_without_places)
    await admin.execute("CREATE TABLE prepared_outcomes (transaction_id uuid PRIMARY KEY, prepared_at timestamptz)")
    await admin.close()
    database = Database(url_without_places, min_size=1)
    await database.open()
    transactions = PreparedTransactions("products", database, limit=1, lock_timeout_seconds=1)
    with pytest.raises(Problem, match="max_prepared_transactions") as refused:
        async with transactions.prepare(new_id()):
            pass
    assert refused.value.status == 503
    await transactions.close()
    await database.close()
