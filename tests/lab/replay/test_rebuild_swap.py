"""The moment of the swap: who is in the way, what went wrong meanwhile, and what must be the same afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from events.topics import declare
from lab.replay import rebuild as rebuilding
from lab.replay.errors import NotNow
from lab.replay.shadow import Shadow
from orders_svc.read_models import MODELS
from orders_svc.read_models.order_history import MODEL as HISTORY
from orders_svc.read_models.sales import MODEL as SALES
from orders_svc.read_models.tables import metadata
from tests.events.stand import product
from tests.lab.replay.following import Following, sums, tables_of
from tests.lab.replay.journeys import Journey, journeys, sold, told
from tests.lab.replay.wire import send, wire
from tests.waiting import eventually


async def test_a_reader_that_takes_long_is_waited_for_and_what_happens_meanwhile_is_not_lost(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(rebuilding, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(rebuilding, "ATTEMPTS", 10_000)
    attempts = counted(monkeypatch, Shadow, "swap")
    first, second = journeys(10), journeys(10, first=11)
    await following.publish(*told(first))
    await following.project(SALES)
    reader = await asyncpg.connect(following.url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM sales")
        rebuild = asyncio.create_task(following.rebuild(SALES))
        await eventually(lambda: len(attempts) >= 2)
        assert sums(await following.rows("SELECT * FROM sales")) == sold(first), "others still read"
        await following.publish(*told(second))
        await following.project(SALES)
        tried = len(attempts)
        await eventually(lambda: len(attempts) >= tried + 2)
    await reader.close()

    done = await rebuild

    assert done.equal
    assert done.swapped
    assert done.counts.read == sum((await following.positions(SALES)).values())
    assert sums((await following.tables(SALES))["sales"]) == sold([*first, *second])


async def test_a_reader_that_never_ends_leaves_everything_as_it_was(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(rebuilding, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(rebuilding, "ATTEMPTS", 2)
    await following.publish(*told(journeys(10)))
    await following.project(HISTORY)
    before = await following.tables(HISTORY), await following.positions(HISTORY)
    reader = await asyncpg.connect(following.url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM history_steps")
        with pytest.raises(NotNow, match="the tables of order-history are in use for too long"):
            await following.rebuild(HISTORY)
        assert (await following.tables(HISTORY), await following.positions(HISTORY)) == before
    await reader.close()
    assert await following.leftovers() == []
    assert (await following.rebuild(HISTORY)).swapped


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("sql", ["UPDATE positions SET next_offset = 0", "DELETE FROM positions"])
async def test_positions_that_were_set_back_or_taken_away_meanwhile_are_not_passed_over(
    following: Following, monkeypatch: pytest.MonkeyPatch, sql: str, behind: bool
) -> None:
    await following.publish(*told(journeys(10)))
    await following.project(SALES)
    if behind:
        await following.publish(*told(journeys(5, first=11)))
    before = await following.tables(SALES)
    meanwhile(monkeypatch, lambda: following.connection.execute(sql))
    with pytest.raises(NotNow, match="the positions of sales went back meanwhile"):
        await following.rebuild(SALES, patience=0)
    assert await following.tables(SALES) == before
    assert not any((await following.positions(SALES)).values())
    assert await following.leftovers() == []


async def test_a_partition_that_came_into_being_meanwhile_is_not_lost_even_with_force(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    await following.publish(*told(journeys(10)))
    await following.project(SALES)
    late = Journey(1000, "pending")

    async def a_partition_more() -> None:
        await declare(following.kafka, partitions=3, say=lambda line: None)
        await send(following.kafka, "orders", wire(late.placed()), partition=2)
        await following.project(SALES)

    with monkeypatch.context() as patch:
        meanwhile(patch, a_partition_more)
        with pytest.raises(NotNow, match=r"orders\[2\] came into being meanwhile; run this again"):
            await following.rebuild(SALES, force=True)
    assert sums((await following.tables(SALES))["sales"]) == sold([*journeys(10), late])
    assert (await following.rebuild(SALES)).swapped
    assert sums((await following.tables(SALES))["sales"]) == sold([*journeys(10), late])


async def test_a_broker_that_does_not_answer_holds_the_live_model_up_for_so_long_and_no_longer(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "HELD_UP_SECONDS", 0.2)

    async def for_ever(self: Shadow) -> Any:
        await asyncio.Event().wait()

    await following.publish(*told(journeys(5)))
    await following.project(SALES)
    before = await following.tables(SALES), await following.positions(SALES)
    with monkeypatch.context() as patch:
        patch.setattr(Shadow, "compare", for_ever)
        with pytest.raises(NotNow, match="nothing was swapped, try again"):
            await following.rebuild(SALES)
    assert (await following.tables(SALES), await following.positions(SALES)) == before
    await following.publish(*told(journeys(5, first=6)))
    await following.project(SALES)
    assert (await following.rebuild(SALES)).swapped


async def test_what_a_killed_rebuild_left_behind_does_not_matter(following: Following) -> None:
    await following.publish(*told(journeys(10)))
    await following.project(SALES)
    await following.connection.execute("CREATE TABLE sales_orders_rebuilt (LIKE sales_orders INCLUDING ALL)")
    await following.connection.execute("CREATE TABLE sales_rebuilt AS SELECT 1 AS something_else")
    await following.connection.execute(
        "INSERT INTO sales_orders_rebuilt SELECT gen_random_uuid(), 1, true, 1, '2026-1-1'"
    )
    assert (await following.rebuild(SALES)).swapped
    assert sums((await following.tables(SALES))["sales"]) == sold(journeys(10))
    assert await following.leftovers() == []


async def test_after_swaps_the_schema_is_the_one_that_the_migrations_made(following: Following) -> None:
    names = [table.name for model in MODELS.values() for table in tables_of(model)]
    before = {name: await schema(following, name) for name in names}
    await following.publish(*told(journeys(5)), product(1, 1))
    for _ in range(2):
        for model in MODELS.values():
            assert (await following.rebuild(model, patience=0)).swapped
    assert {name: await schema(following, name) for name in names} == before

    def differences(connection: Connection) -> list[Any]:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
        return [difference for difference in found if any(name in str(difference) for name in names)]

    engine = create_async_engine(make_url(following.url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def schema(following: Following, table: str) -> list[Any]:
    """Columns with their order, types, defaults; constraints (not null is one) and indexes with their names; rights."""
    columns = await following.rows(
        "SELECT attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, "
        "pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        "WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY 1",
        table,
    )
    constraints = await following.rows(
        "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = to_regclass($1) ORDER BY 1",
        table,
    )
    indexes = await following.rows("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1 ORDER BY 1", table)
    rights = await following.rows(
        "SELECT relowner, relacl::text, reloptions, relpersistence FROM pg_class WHERE oid = to_regclass($1)", table
    )
    assert columns
    assert constraints
    return [columns, constraints, indexes, rights]


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> list[object]:
    """A list that grows with every call of the method, which does what it does."""
    calls: list[object] = []
    original = getattr(owner, method)

    async def call(self: object) -> Any:
        calls.append(self)
        return await original(self)

    monkeypatch.setattr(owner, method, call)
    return calls


def meanwhile(monkeypatch: pytest.MonkeyPatch, something: Callable[[], Awaitable[object]]) -> None:
    """Does it after everything was read, before the positions are locked."""
    original = Shadow.analyze

    async def analyze(self: Shadow) -> None:
        await original(self)
        await something()

    monkeypatch.setattr(Shadow, "analyze", analyze)
