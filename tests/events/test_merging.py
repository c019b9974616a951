"""Rows are merged: whatever the order, however often, in whatever pieces, in memory or in the database."""

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from events.catalogue import OrderPlaced
from events.merged_model import Change, MergedModel
from events.merging import Merged, MergedRow, Summed
from kit.database import Connection
from tests.conftest import CreateDatabase
from tests.events.stand import placed, product

_metadata = sa.MetaData()
_orders = sa.Table(
    "kept_orders",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("sold", sa.Boolean),
    sa.Column("shop", sa.Text),
    sa.Column("amount", sa.BigInteger),
    sa.Column("touched", sa.Integer, server_default="0"),
)
_steps = sa.Table(
    "kept_steps",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("note", sa.Text),
)
_totals = sa.Table(
    "totals",
    _metadata,
    sa.Column("shop", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
)
ORDERS = Merged(_orders, version="version", newest=("sold",), own={"touched": _orders.c.touched + 1})
STEPS = Merged(_steps)
TOTALS = Summed(
    _totals,
    over=ORDERS,
    adds={
        "count": "CASE WHEN {row}.sold THEN 1 ELSE 0 END",
        "amount": "CASE WHEN {row}.sold THEN {row}.amount ELSE 0 END",
    },
)
MODEL = MergedModel("kept", ("orders",), {OrderPlaced: lambda envelope: ()}, (ORDERS, STEPS), (TOTALS,))


def _true_of(identity: int, version: int, knows: bool) -> MergedRow:
    """What an event says: the same event always says the same, and only some know what never changes."""
    known = (f"shop {identity % 2}", identity * 100) if knows else (None, None)
    return (identity, version, version % 2 == 0, *known)


rows = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5)).map(lambda drawn: _true_of(*drawn, knows=drawn[1] in (1, 4))),
    max_size=24,
)


@given(rows, st.randoms())
def test_the_order_and_the_number_of_times_do_not_matter(some: list[MergedRow], chance: Any) -> None:
    shuffled = [*some, *some]
    chance.shuffle(shuffled)
    assert ORDERS.merge(shuffled) == ORDERS.merge(some)


@given(rows, rows, rows)
def test_the_pieces_do_not_matter(one: list[MergedRow], two: list[MergedRow], three: list[MergedRow]) -> None:
    at_once = ORDERS.merge([*one, *two, *three])
    assert ORDERS.merge([*ORDERS.merge([*one, *two]), *three]) == at_once
    assert ORDERS.merge([*one, *ORDERS.merge([*two, *three])]) == at_once


@given(rows)
def test_the_newest_stands_and_what_somebody_knew_is_known(some: list[MergedRow]) -> None:
    for identity, version, sold, shop, amount in ORDERS.merge(some):
        mine = [row for row in some if row[0] == identity]
        assert version == max(row[1] for row in mine)
        assert sold == (version % 2 == 0)
        assert (shop is not None) == any(row[3] is not None for row in mine) == (amount is not None)


def test_merged_rows_come_in_the_order_of_their_keys() -> None:
    assert [row[:2] for row in STEPS.merge([(2, 1, "b"), (1, 2, "c"), (1, 1, "a"), (2, 1, "b")])] == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]


def test_newest_columns_without_a_version_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="come with a version"):
        Merged(_orders, newest=("sold",))


def test_a_function_for_an_event_of_a_topic_that_is_not_read_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="does not read their topics"):
        MergedModel("wrong", ("stock",), {OrderPlaced: lambda envelope: ()}, (STEPS,))


def test_only_a_model_of_whole_rows_can_do_with_the_newest_of_each_key() -> None:
    with pytest.raises(ValueError, match="more than the newest"):
        MergedModel("wrong", ("orders",), {}, (ORDERS,), newest_only=True)


def test_a_renamed_model_says_the_same_of_other_tables() -> None:
    model = MergedModel("some", ("orders",), {OrderPlaced: _one_step}, (STEPS,)).renamed(lambda name: f"new_{name}")
    changes = model.changes([placed(sequence=3), placed(sequence=4)])
    assert {name: [row[1] for row in found] for name, found in changes.items()} == {"new_kept_steps": [3, 4]}
    assert product(1, 1).data.topic not in model.topics


def _one_step(envelope: Any) -> Sequence[Change]:
    return (Change(STEPS, (1, envelope.sequence, "a note")),)


@pytest.fixture
async def connection(create_database: CreateDatabase) -> AsyncIterator[Any]:
    made = await asyncpg.connect(await create_database("merging"))
    for table in _metadata.sorted_tables:
        await made.execute(str(CreateTable(table).compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]
    yield made
    await made.close()


def _many(seed: int) -> list[list[MergedRow]]:
    """Batches in some order, with repetitions."""
    chance = random.Random(seed)
    told = [_true_of(identity, version, version in (1, 4)) for identity in range(1, 9) for version in range(1, 6)]
    told = chance.sample(told, 25) + chance.choices(told, k=15)
    cuts = sorted(chance.choices(range(len(told)), k=5))
    return [told[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(told)])]


@pytest.mark.parametrize("seed", range(12))
async def test_the_database_merges_as_the_memory_does_and_the_sums_follow(connection: Any, seed: int) -> None:
    batches = _many(seed)
    for batch in batches:
        await MODEL.merge(Connection(connection), ORDERS, ORDERS.merge(batch))

    expected = ORDERS.merge(itertools.chain(*batches))
    assert [tuple(row)[:5] for row in await connection.fetch("SELECT * FROM kept_orders ORDER BY id")] == expected
    sums: dict[str, tuple[int, int]] = {}
    for _, _, sold, shop, amount in expected:
        if shop is not None:
            count, total = sums.get(shop, (0, 0))
            sums[shop] = (count + sold, total + (amount if sold else 0))
    assert {row["shop"]: tuple(row)[1:] for row in await connection.fetch("SELECT * FROM totals")} == sums


@pytest.mark.parametrize("seed", range(4))
async def test_sums_that_followed_are_those_that_are_added_up_at_once(connection: Any, seed: int) -> None:
    for batch in _many(seed):
        await MODEL.merge(Connection(connection), ORDERS, ORDERS.merge(batch))
    followed = await connection.fetch("SELECT * FROM totals ORDER BY shop")
    await connection.execute("TRUNCATE totals")
    await connection.execute(TOTALS.filled())
    assert await connection.fetch("SELECT * FROM totals ORDER BY shop") == followed


async def test_a_row_that_learns_nothing_is_left_alone(connection: Any) -> None:
    for _ in range(3):
        await MODEL.merge(Connection(connection), ORDERS, [_true_of(1, 2, knows=True)])
    await MODEL.merge(Connection(connection), ORDERS, [_true_of(1, 1, knows=False)])
    assert await connection.fetchval("SELECT touched FROM kept_orders") == 0


async def test_what_is_said_once_and_for_all_stays(connection: Any) -> None:
    for note in ("first", "second"):
        await MODEL.merge(Connection(connection), STEPS, [(1, 1, note)])
    assert await connection.fetchval("SELECT note FROM kept_steps") == "first"
