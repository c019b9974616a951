"""The coordinator's log of two-phase commit: a transaction is decided once, whoever comes first."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kit.database import Database
from kit.ids import new_id
from orders_svc.two_phase.decision_log import DecisionLog


@pytest.fixture
async def log(database: Database) -> DecisionLog:
    async with database.connection() as connection:
        await connection.raw.execute("TRUNCATE two_phase_decisions")
    return DecisionLog(database)


async def test_what_was_committed_is_told_to_whoever_asks(log: DecisionLog) -> None:
    transaction = new_id()
    assert await log.commit(transaction, transaction)
    assert await log.asked(transaction)
    assert [one.transaction_id for one in await log.open()] == [transaction]


async def test_what_nobody_has_decided_is_aborted_by_the_question(log: DecisionLog) -> None:
    transaction = new_id()
    assert not await log.asked(transaction)
    assert not await log.commit(transaction, transaction)
    assert not await log.asked(transaction)
    assert await log.open() == []


async def test_commits_and_questions_at_the_same_moment_agree(log: DecisionLog) -> None:
    """Twenty transactions, each decided and asked about at once: whatever was answered is what stands."""
    transactions = [new_id() for _ in range(20)]
    told, decided = await asyncio.gather(
        asyncio.gather(*(log.asked(one) for one in transactions)),
        asyncio.gather(*(log.commit(one, one) for one in transactions)),
    )
    assert told == decided == [await log.asked(one) for one in transactions]


async def test_deciding_again_what_was_decided_changes_nothing(log: DecisionLog) -> None:
    transaction = new_id()
    assert [await log.commit(transaction, transaction) for _ in range(2)] == [True, True]


async def test_what_everybody_has_committed_is_forgotten(log: DecisionLog) -> None:
    transactions = [new_id() for _ in range(3)]
    await asyncio.gather(*(log.commit(one, one) for one in transactions))
    await asyncio.gather(*(log.finished(one) for one in transactions[:2]))
    assert [one.transaction_id for one in await log.open()] == transactions[2:]


async def test_what_is_impossible_somewhere_is_kept_and_not_tried_again(log: DecisionLog) -> None:
    transaction = new_id()
    await log.commit(transaction, transaction)
    await log.impossible(transaction, ["products", "delivery"])
    assert await log.open() == []
    assert await log.asked(transaction)


async def test_only_aborts_are_forgotten_with_time(log: DecisionLog) -> None:
    committed, aborted = new_id(), new_id()
    await log.commit(committed, committed)
    await log.asked(aborted)
    assert await log.prune(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert await log.asked(committed)
