"""What orders' and products' events do to deliveries, on a real database."""

import asyncio
from collections import Counter
from random import Random
from typing import Any
from uuid import UUID

import pytest

from delivery_svc.reactions import REACTIONS
from events.catalogue import OrderPlaced
from events.envelope import Envelope
from events.outbox import Outbox
from kit.database import Database
from kit.ids import new_id
from tests.delivery_svc.facts import announced, cancellation_requested, names, placed, rejected, reserved, states
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(60)


async def handle(outbox: Outbox, *events: Envelope[Any]) -> None:
    """What the reactions loop does with events of one type: one transaction."""
    async with outbox.transaction() as transaction:
        await REACTIONS[type(events[0].data)](transaction, events)


def ids(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


@pytest.mark.parametrize("stock_first", [False, True])
async def test_a_delivery_starts_when_the_second_of_the_two_events_comes(
    outbox: Outbox, sql: Any, stock_first: bool
) -> None:
    orders = ids(3)
    first: list[Envelope[Any]] = [placed(order) for order in orders]
    second: list[Envelope[Any]] = [reserved(order) for order in orders]
    if stock_first:
        first, second = second, first
    await handle(outbox, *first)
    assert await names(sql) == []
    await handle(outbox, *second)
    assert await names(sql) == ["DeliveryStarted"] * 3
    assert await states(sql, *orders) == ["started"] * 3


async def test_the_delivery_carries_what_the_order_said(outbox: Outbox, sql: Any) -> None:
    [order] = ids(1)
    await handle(outbox, reserved(order))
    await handle(outbox, placed(order, customer_id="c-7", quantity=4))
    [(_, started)] = await announced(sql)
    row = await sql.fetchrow("SELECT * FROM deliveries")
    assert started == {
        "orderId": str(order),
        "deliveryId": str(row["delivery_id"]),
        "productId": 2,
        "productName": "MASK",
        "quantity": 4,
        "customerId": "c-7",
        "customerName": "Kim",
        "address": "1 Sejong-daero, Seoul",
    }
    assert (row["customer_id"], row["quantity"], row["version"]) == ("c-7", 4, 2)
    assert row["started_at"] is not None


async def test_a_mixed_batch_of_known_and_new_orders(outbox: Outbox, sql: Any) -> None:
    known, new, cancelled = ids(3)
    await handle(outbox, placed(known))
    await handle(outbox, cancellation_requested(cancelled))
    await handle(outbox, reserved(new), reserved(known), reserved(cancelled))
    assert await states(sql, known, new, cancelled) == ["started", "awaiting_details", "cancelled"]
    assert await names(sql) == ["DeliveryCancelled", "DeliveryStarted"]


async def test_without_stock_no_delivery_starts(outbox: Outbox, sql: Any) -> None:
    early, late = ids(2)
    await handle(outbox, placed(early))
    await handle(outbox, rejected(early), rejected(late))
    await handle(outbox, placed(late))
    assert await states(sql, early, late) == ["not_needed"] * 2
    assert await names(sql) == []


async def test_a_cancellation_before_the_delivery_exists_is_remembered(outbox: Outbox, sql: Any) -> None:
    """The original ignored it, and the goods shipped."""
    [order] = ids(1)
    await handle(outbox, cancellation_requested(order))
    await handle(outbox, placed(order))
    await handle(outbox, reserved(order))
    assert await states(sql, order) == ["cancelled"]
    assert await names(sql) == ["DeliveryCancelled"]


async def test_a_cancellation_after_the_start_is_granted_once(outbox: Outbox, sql: Any) -> None:
    [order] = ids(1)
    await handle(outbox, placed(order))
    await handle(outbox, reserved(order))
    await handle(outbox, cancellation_requested(order), cancellation_requested(order, 4))
    assert await states(sql, order) == ["cancelled"]
    assert await names(sql) == ["DeliveryStarted", "DeliveryCancelled"]


async def test_handling_events_again_changes_nothing(outbox: Outbox, sql: Any) -> None:
    orders = ids(4)
    for _ in range(3):
        await handle(outbox, *(placed(order) for order in orders))
        await handle(outbox, *(reserved(order) for order in orders))
    assert await names(sql) == ["DeliveryStarted"] * 4
    assert await sql.fetchval("SELECT sum(version) FROM deliveries") == 8


async def test_what_is_rolled_back_is_neither_done_nor_announced(outbox: Outbox, sql: Any) -> None:
    [order] = ids(1)
    await handle(outbox, placed(order))

    async def interrupted() -> None:
        async with outbox.transaction() as transaction:
            await REACTIONS[type(reserved(order).data)](transaction, [reserved(order)])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await interrupted()
    assert await states(sql, order) == ["awaiting_stock"]
    assert await names(sql) == []


async def test_two_replicas_that_hear_the_two_events_at_the_same_moment_start_each_delivery_once(
    delivery_url: str, outbox: Outbox, sql: Any
) -> None:
    """Neither may miss what the other is just writing, or the delivery would never start; nor may they block."""
    other_database = Database(delivery_url)
    await other_database.open()
    other = Outbox(other_database, wake=lambda: None)
    deadlocks = await sql.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    orders, random = ids(400), Random(7)

    async def replica(own: Outbox, events: list[Envelope[Any]]) -> None:
        for start in range(0, len(events), 40):
            await handle(own, *events[start : start + 40])

    stock: list[Envelope[Any]] = [reserved(order) for order in orders]
    for start in range(0, len(stock), 40):
        window = stock[start : start + 40]
        random.shuffle(window)
        stock[start : start + 40] = window
    await asyncio.gather(replica(outbox, [placed(order) for order in orders]), replica(other, stock))
    await other_database.close()
    assert Counter(await states(sql, *orders)) == {"started": 400}
    started = [data["orderId"] for _, data in await announced(sql)]
    assert sorted(started) == sorted(str(order) for order in orders)
    now = await sql.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert now == deadlocks


async def test_two_replicas_that_handle_the_same_events_do_it_once(outbox: Outbox, sql: Any) -> None:
    orders = ids(50)
    await asyncio.gather(*(handle(outbox, *(placed(order) for order in orders)) for _ in range(4)))
    await asyncio.gather(*(handle(outbox, *(reserved(order) for order in reversed(orders))) for _ in range(4)))
    assert await names(sql) == ["DeliveryStarted"] * 50


async def test_two_replicas_that_handle_the_same_orders_in_opposite_order_do_not_wait_crosswise(
    outbox: Outbox, sql: Any
) -> None:
    """A third transaction holds the order in the middle, so that both are stopped half-way."""
    orders = ids(11)
    async with outbox.transaction() as middle:
        await REACTIONS[OrderPlaced](middle, [placed(orders[5])])
        replicas = [
            asyncio.create_task(handle(outbox, *(placed(order) for order in way))) for way in (orders, orders[::-1])
        ]
        await eventually(lambda: _waiting(sql, 2))
    await asyncio.gather(*replicas)
    assert await states(sql, *orders) == ["awaiting_stock"] * 11


async def _waiting(sql: Any, count: int) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await sql.fetchval(query) == count)
