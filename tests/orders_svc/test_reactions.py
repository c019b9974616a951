"""What orders does when others' events arrive, on a real database."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from events.catalogue import Event
from events.outbox import Outbox
from orders_svc.domain import Order
from orders_svc.reactions import REACTIONS, TOPICS, UnknownOrder
from tests.orders_svc.facts import cancelled, happen, refused, rejected, started


async def placed(orders: httpx.AsyncClient, count: int) -> list[str]:
    answers = [await orders.post("/orders", json={"productId": 2, "quantity": n + 1}) for n in range(count)]
    return [answer.json()["id"] for answer in answers]


async def announced(sql: Any, order_id: str) -> list[tuple[str, int]]:
    """The order's events in the outbox: type and sequence, in order."""
    rows = await sql.fetch("SELECT headers FROM outbox WHERE key = $1 ORDER BY id", order_id.encode())
    headers = [orjson.loads(row["headers"]) for row in rows]
    return [(header["ce_type"].split(".")[2], int(header["ce_sequence"])) for header in headers]


async def test_a_batch_of_started_deliveries_confirms_its_orders(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any
) -> None:
    ids = await placed(orders, 3)
    told: list[Order] = []
    await happen(outbox, *(started(order_id) for order_id in reversed(ids)), tell=told.extend)
    for order_id in ids:
        order = (await orders.get(f"/orders/{order_id}")).json()
        assert (order["status"], order["version"]) == ("confirmed", 2)
        assert order["settledAt"] >= order["placedAt"]
        assert await announced(sql, order_id) == [("OrderPlaced", 1), ("OrderConfirmed", 2)]
    assert {str(order.id) for order in told} == set(ids)


async def test_missing_stock_rejects_with_its_reason(orders: httpx.AsyncClient, outbox: Outbox, sql: Any) -> None:
    [order_id] = await placed(orders, 1)
    await happen(outbox, rejected(order_id, "3 left, 5 wanted"))
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["reason"]) == ("rejected", "3 left, 5 wanted")
    assert await announced(sql, order_id) == [("OrderPlaced", 1), ("OrderRejected", 2)]


async def test_delivery_cancels_what_was_asked_to_be_cancelled(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any
) -> None:
    [order_id] = await placed(orders, 1)
    await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    await happen(outbox, cancelled(order_id))
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["reason"]) == ("cancelled", "changed my mind")
    names = [name for name, _ in await announced(sql, order_id)]
    assert names == ["OrderPlaced", "OrderCancellationRequested", "OrderCancelled"]


async def test_a_refused_cancellation_brings_the_order_back_with_the_refusal_noted(
    orders: httpx.AsyncClient, outbox: Outbox
) -> None:
    [order_id] = await placed(orders, 1)
    await happen(outbox, started(order_id))
    await orders.post(f"/orders/{order_id}/cancel")
    await happen(outbox, refused(order_id, "delivered at noon"))
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["cancellationRefused"], order["reason"]) == ("confirmed", "delivered at noon", None)


@pytest.mark.parametrize("late", [started, rejected, cancelled, refused])
async def test_events_that_come_late_or_again_change_and_announce_nothing(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any, late: Any
) -> None:
    [order_id] = await placed(orders, 1)
    await happen(outbox, started(order_id))
    before = (await orders.get(f"/orders/{order_id}")).json()
    told: list[Order] = []
    await happen(outbox, late(order_id), late(order_id), tell=told.extend)
    assert (await orders.get(f"/orders/{order_id}")).json() == before
    assert await announced(sql, order_id) == [("OrderPlaced", 1), ("OrderConfirmed", 2)]
    assert told == []


@pytest.mark.parametrize("late", [started, rejected])
async def test_while_cancelling_only_the_answer_to_it_counts(
    orders: httpx.AsyncClient, outbox: Outbox, late: Any
) -> None:
    [order_id] = await placed(orders, 1)
    await orders.post(f"/orders/{order_id}/cancel")
    await happen(outbox, late(order_id))
    assert (await orders.get(f"/orders/{order_id}")).json()["status"] == "cancelling"


@pytest.mark.parametrize("event", [started(uuid4()), rejected(uuid4()), cancelled(uuid4()), refused(uuid4())])
async def test_an_event_about_an_unknown_order_fails_and_takes_its_batch_back(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any, event: Event
) -> None:
    """The reactions loop makes a dead letter of it, and runs the batch's others again."""
    [order_id] = await placed(orders, 1)
    with pytest.raises(UnknownOrder, match=event.key):
        await happen(outbox, event.model_copy(update={"order_id": UUID(order_id)}), event)
    assert (await orders.get(f"/orders/{order_id}")).json()["status"] == "pending"
    assert len(await announced(sql, order_id)) == 1


def test_what_is_reacted_to_is_on_the_topics_that_are_read() -> None:
    assert {event.topic for event in REACTIONS} == set(TOPICS)
