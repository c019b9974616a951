"""Recording events: with the change they announce, in a transaction or in one statement."""

import asyncpg
import pytest
import sqlalchemy as sa

from events.outbox import Announcing
from tests.events.stand import Stand, placed

effects = sa.table("effects", sa.column("key", sa.Text))
INSERT = Announcing(sa.insert(effects).values(key=sa.bindparam("name", type_=sa.Text)))


async def keys(shop: Stand) -> list[str]:
    return [row[0].decode() for row in await shop.rows("SELECT key FROM outbox ORDER BY id")]


async def test_a_change_and_its_events_can_be_one_statement(shop: Stand) -> None:
    woken: list[bool] = []
    first, second = placed(), placed()
    async with shop.outbox(lambda: woken.append(True)).single_statement() as transaction:
        transaction.record([first, second])
        assert await transaction.announce(INSERT, name="changed") == 1
    assert await shop.effects() == ["changed"]
    assert await keys(shop) == [first.key, second.key]
    assert woken == [True]


async def test_the_statement_fails_as_a_whole(shop: Stand) -> None:
    await shop.rows("CREATE UNIQUE INDEX ON effects (key)")
    woken: list[bool] = []
    outbox = shop.outbox(lambda: woken.append(True))

    async def change() -> None:
        async with outbox.single_statement() as transaction:
            transaction.record([placed()])
            await transaction.announce(INSERT, name="the same")

    await change()
    with pytest.raises(asyncpg.UniqueViolationError):
        await change()
    assert len(await keys(shop)) == 1
    assert woken == [True]


async def test_in_a_transaction_each_event_is_written_once_in_the_order_of_recording(shop: Stand) -> None:
    first, second, third = placed(), placed(), placed()
    async with shop.outbox().transaction() as transaction:
        transaction.record([first])
        await transaction.announce(INSERT, name="one")
        transaction.record([second])
        await transaction.announce(INSERT, name="two")
        transaction.record([third])
    assert await keys(shop) == [first.key, second.key, third.key]


async def test_what_runs_after_the_commit_does_not_run_without_one(shop: Stand) -> None:
    ran: list[str] = []

    async def fail() -> None:
        async with shop.outbox().transaction() as transaction:
            transaction.after_commit(lambda: ran.append("rolled back"))
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await fail()
    async with shop.outbox().transaction() as transaction:
        transaction.after_commit(lambda: ran.append("committed"))
    assert ran == ["committed"]


async def test_to_record_and_not_to_announce_is_an_error(shop: Stand) -> None:
    async def forget() -> None:
        async with shop.outbox().single_statement() as transaction:
            transaction.record([placed()])

    with pytest.raises(AssertionError, match="not announced"):
        await forget()
