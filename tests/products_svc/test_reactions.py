"""What orders' events do to the stock, on a real database."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from events.envelope import Envelope
from events.outbox import Outbox
from kit.database import Database, Overtaken
from products_svc.reactions import REACTIONS, order_cancelled, order_placed
from tests.products_svc.shelf import announced, assert_the_ledger_adds_up, cancelled, placed, states, stock_of, versions

pytestmark = pytest.mark.timeout(60)


async def handle(outbox: Outbox, *events: Envelope[Any]) -> None:
    """What the reactions loop does with events of one type: one transaction."""
    async with outbox.transaction() as transaction:
        await REACTIONS[type(events[0].data)](transaction, events)


async def set_stock(sql: Any, product_id: int, stock: int) -> None:
    taken = await stock_of(sql, product_id) - stock
    insert = "INSERT INTO stock_ledger (product_id, delta, balance, reason, at) VALUES ($1, $2, $3, 'taken_out', now())"
    await sql.execute(insert, product_id, -taken, stock)
    await sql.execute("UPDATE products SET stock = $2 WHERE id = $1", product_id, stock)


async def test_a_batch_of_orders_takes_its_stock_and_changes_each_product_once(outbox: Outbox, sql: Any) -> None:
    orders = [placed(2, 1), placed(1, 2), placed(2, 3), placed(2, 1)]
    await handle(outbox, *orders)
    assert await stock_of(sql, 2) == 2_000_000 - 5
    assert await stock_of(sql, 1) == 1_000_000 - 2
    assert await states(sql, orders) == ["reserved"] * 4
    events = await announced(sql)
    assert Counter(name for name, _ in events) == {"StockReserved": 4, "ProductChanged": 2}
    assert [data["stock"] for name, data in events if name == "ProductChanged" and data["productId"] == 2] == [
        1_999_995
    ]
    assert await versions(sql, 2) == [2]
    await assert_the_ledger_adds_up(sql)


async def test_each_movement_is_in_the_ledger_under_its_order(outbox: Outbox, sql: Any) -> None:
    orders = [placed(2, 1), placed(2, 3)]
    await handle(outbox, *orders)
    rows = await sql.fetch("SELECT * FROM stock_ledger WHERE reason = 'reserved' ORDER BY id")
    assert [(row["order_id"], row["delta"], row["balance"]) for row in rows] == [
        (orders[0].data.order_id, -1, 1_999_999),
        (orders[1].data.order_id, -3, 1_999_996),
    ]


async def test_orders_that_cannot_be_had_are_rejected_with_a_reason_and_the_others_served(
    outbox: Outbox, sql: Any
) -> None:
    await set_stock(sql, 3, 2)
    await sql.execute("UPDATE products SET withdrawn = true WHERE id = 4")
    orders = [placed(3, 2), placed(3, 1), placed(4, 1), placed(99, 1), placed(5, 1)]
    await handle(outbox, *orders)
    assert await states(sql, orders) == ["reserved", "rejected", "rejected", "rejected", "reserved"]
    reasons = [data["reason"] for name, data in await announced(sql) if name == "StockRejected"]
    assert reasons == ["out of stock", "product withdrawn", "unknown product"]
    await assert_the_ledger_adds_up(sql)


async def test_of_96_orders_for_10_pieces_10_are_served(outbox: Outbox, sql: Any) -> None:
    await set_stock(sql, 2, 10)
    batches = [[placed(2) for _ in range(12)] for _ in range(8)]
    await asyncio.gather(*(handle(outbox, *batch) for batch in batches))
    outcome = await states(sql, [order for batch in batches for order in batch])
    assert Counter(outcome) == {"reserved": 10, "rejected": 86}
    assert await stock_of(sql, 2) == 0
    await assert_the_ledger_adds_up(sql)


async def test_handling_an_event_again_takes_nothing_more(outbox: Outbox, sql: Any) -> None:
    orders = [placed(2), placed(3, 5)]
    await handle(outbox, *orders)
    before = await announced(sql)
    await handle(outbox, *orders)
    await handle(outbox, orders[1], orders[1])
    assert await announced(sql) == before
    assert await stock_of(sql, 3) == 3_000_000 - 5
    await assert_the_ledger_adds_up(sql)


async def test_a_cancelled_order_gives_back_what_it_holds_once(outbox: Outbox, sql: Any) -> None:
    order = placed(2, 7)
    await handle(outbox, order)
    for _ in range(2):
        await handle(outbox, cancelled(order))
    assert await stock_of(sql, 2) == 2_000_000
    assert await states(sql, [order]) == ["released"]
    assert [name for name, _ in await announced(sql)] == [
        "StockReserved",
        "ProductChanged",
        "StockReleased",
        "ProductChanged",
    ]
    await assert_the_ledger_adds_up(sql)


async def test_a_cancellation_that_overtakes_its_order_is_remembered(outbox: Outbox, sql: Any) -> None:
    order = placed(2, 7)
    await handle(outbox, cancelled(order))
    await handle(outbox, order)
    assert await stock_of(sql, 2) == 2_000_000
    assert await states(sql, [order]) == ["released"]
    assert await announced(sql) == []
    await assert_the_ledger_adds_up(sql)


async def test_placed_and_cancelled_in_one_transaction_leaves_the_stock_as_it_was(outbox: Outbox, sql: Any) -> None:
    orders = [placed(2, 7), placed(1, 1)]
    async with outbox.transaction() as transaction:
        await order_placed(transaction, orders)
        await order_cancelled(transaction, [cancelled(order) for order in orders])
    assert await stock_of(sql, 2) == 2_000_000
    assert await versions(sql, 2) == [2, 3]
    await assert_the_ledger_adds_up(sql)


async def test_what_is_rolled_back_is_neither_done_nor_announced(outbox: Outbox, sql: Any) -> None:
    orders = [placed(2), placed(2)]

    async def interrupted() -> None:
        async with outbox.transaction() as transaction:
            await order_placed(transaction, orders)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await interrupted()
    assert await stock_of(sql, 2) == 2_000_000
    assert await states(sql, orders) == [None, None]
    assert await announced(sql) == []


@pytest.mark.parametrize("quantity", [0, -5])
async def test_an_event_with_an_absurd_quantity_fails_and_leaves_nothing(
    outbox: Outbox, sql: Any, quantity: int
) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        await handle(outbox, placed(2), placed(2, quantity))
    assert await stock_of(sql, 2) == 2_000_000
    assert await announced(sql) == []


async def test_two_replicas_share_the_work_without_deadlock(
    products_url: str, database: Database, outbox: Outbox, sql: Any
) -> None:
    """Both handle batches of orders and cancellations that touch all products, in several steps a transaction."""
    other_database = Database(products_url)
    await other_database.open()
    other = Outbox(other_database, wake=lambda: None)
    deadlocks = await sql.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    async def replica(own: Outbox, seed: int) -> list[Envelope[Any]]:
        mine = Random(seed)
        handled = []
        for _ in range(20):
            orders = [placed(mine.randint(1, 5), mine.randint(1, 3)) for _ in range(10)]
            more = [placed(mine.randint(1, 5), 1) for _ in range(5)]
            async with own.transaction() as transaction:
                await order_placed(transaction, orders)
                await order_cancelled(transaction, [cancelled(order) for order in mine.sample(orders, 5)])
                await order_placed(transaction, more)
            handled += orders + more
        return handled

    handled = await asyncio.gather(replica(outbox, 7), replica(other, 11))
    await other_database.close()
    assert Counter(await states(sql, [*handled[0], *handled[1]])) == {"reserved": 400, "released": 200}
    now = await sql.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert now == deadlocks
    await assert_the_ledger_adds_up(sql)
    for product_id in range(1, 6):
        announced_versions = await versions(sql, product_id)
        assert announced_versions == list(range(2, 2 + len(announced_versions)))


async def test_two_replicas_that_handle_the_same_events_take_the_stock_once(
    database: Database, outbox: Outbox, sql: Any
) -> None:
    """A rebalance can leave a partition with two replicas for a moment; whoever is late starts again."""
    orders: Sequence[Envelope[Any]] = [placed(2) for _ in range(20)]

    async def until_done() -> int:
        for tries in range(10):
            try:
                await handle(outbox, *orders)
            except Overtaken:
                continue
            return tries
        raise AssertionError("overtaken ten times")

    await asyncio.gather(*(until_done() for _ in range(4)))
    assert await stock_of(sql, 2) == 2_000_000 - 20
    assert Counter(name for name, _ in await announced(sql)) == {"StockReserved": 20, "ProductChanged": 1}
    await assert_the_ledger_adds_up(sql)
