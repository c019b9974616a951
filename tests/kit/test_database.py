"""Statements compiled once, transactions, and which failures pass by themselves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from kit.database import Database, DatabaseUnavailable, Query, array, bulk_insert, columns_of, is_transient

things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("name", sa.Text))
INSERT = Query(bulk_insert(things, "id", "name"))
NAMES = Query(sa.select(things.c.name).where(things.c.id == sa.any_(array("ids", things.c.id))).order_by(things.c.id))
RENAME = Query(sa.update(things).where(things.c.id >= sa.bindparam("least", type_=sa.BigInteger)).values(name="new"))


@pytest.fixture
async def database(create_database: Any) -> AsyncIterator[Database]:
    database = Database(await create_database("kit"), max_size=2)
    await database.open()
    async with database.connection() as connection:
        await connection.raw.execute("CREATE TABLE things (id bigint PRIMARY KEY, name text)")
    yield database
    await database.close()


async def test_many_rows_are_one_statement(database: Database) -> None:
    rows = [(n, f"thing {n}") for n in range(100)]
    async with database.transaction() as connection:
        assert await connection.execute(INSERT, **columns_of(("id", "name"), rows)) == 100
        found = await connection.fetch(NAMES, ids=[7, 3, 500])
        assert [row["name"] for row in found] == ["thing 3", "thing 7"]
        assert await connection.execute(RENAME, least=98) == 2


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(INSERT, id=[1], name=["one"])
            await connection.execute(INSERT, id=[1], name=["one again"])

    with pytest.raises(asyncpg.UniqueViolationError):
        await fail()
    async with database.connection() as connection:
        assert await connection.fetch(NAMES, ids=[1]) == []


async def test_a_parameter_that_the_statement_does_not_have_is_an_error(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(TypeError, match="idz"):
            await connection.fetch(NAMES, idz=[1])


async def test_a_value_that_does_not_fit_is_not_taken_for_a_database_that_is_away(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.DataError) as raised:
            await connection.fetch(NAMES, ids=[2**63])
    assert not is_transient(raised.value)


async def test_tasks_that_open_it_at_once_share_one_pool(create_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pools = 0

    async def create_pool(*arguments: Any, **options: Any) -> Any:
        nonlocal pools
        pools += 1
        return await create(*arguments, **options)

    create = asyncpg.create_pool
    monkeypatch.setattr(asyncpg, "create_pool", create_pool)
    database = Database(await create_database("kit"), min_size=1, max_size=2)
    await asyncio.gather(*(database.open() for _ in range(5)))
    await database.close()
    assert pools == 1


async def test_without_a_connection_it_says_so() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable) as raised:
        async with database.connection():
            pass
    assert is_transient(raised.value)
    with pytest.raises(OSError):
        await database.open()


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.SerializationError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.InvalidCachedStatementError(), True),
        (asyncpg.FeatureNotSupportedError(), False),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.UndefinedTableError(), False),
        (asyncpg.NumericValueOutOfRangeError(), False),
        (ValueError(), False),
        (KeyError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_passes_by_itself(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient
