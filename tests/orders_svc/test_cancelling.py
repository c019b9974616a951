"""POST /orders/{id}/cancel in the wiring ``events``: delivery is asked, and decides."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from events.outbox import Outbox
from tests.orders_svc.facts import cancelled, happen, refused, rejected, started


@pytest.fixture
async def order_id(orders: httpx.AsyncClient) -> str:
    answer = await orders.post("/orders", json={"productId": 2, "quantity": 1})
    return str(answer.json()["id"])


async def requests(sql: Any) -> int:
    """How often delivery was asked."""
    rows = await sql.fetch("SELECT headers FROM outbox")
    return sum(b"OrderCancellationRequested" in row["headers"] for row in rows)


@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_pending_or_confirmed_order_is_being_cancelled(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any, order_id: str, confirmed: bool
) -> None:
    if confirmed:
        await happen(outbox, started(order_id))
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert answer.json()["reason"] == "cancelled by the customer"
    assert answer.json()["settledAt"] is None
    assert answer.headers["location"] == f"/orders/{order_id}"
    assert await requests(sql) == 1


async def test_asking_again_is_the_same_answer_and_one_request(
    orders: httpx.AsyncClient, sql: Any, order_id: str
) -> None:
    answers = await asyncio.gather(*(orders.post(f"/orders/{order_id}/cancel", json={}) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert await requests(sql) == 1


async def test_a_rejected_order_cannot_be_cancelled(
    orders: httpx.AsyncClient, outbox: Outbox, sql: Any, order_id: str
) -> None:
    await happen(outbox, rejected(order_id))
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:cannot-cancel")
    assert answer.json()["orderStatus"] == "rejected"
    assert await requests(sql) == 0


async def test_a_cancelled_order_cannot_be_cancelled_again(
    orders: httpx.AsyncClient, outbox: Outbox, order_id: str
) -> None:
    await orders.post(f"/orders/{order_id}/cancel")
    await happen(outbox, cancelled(order_id))
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["orderStatus"]) == (409, "cancelled")


async def test_a_refusal_is_final_and_told(orders: httpx.AsyncClient, outbox: Outbox, sql: Any, order_id: str) -> None:
    await happen(outbox, started(order_id))
    await orders.post(f"/orders/{order_id}/cancel")
    await happen(outbox, refused(order_id, "delivered at noon"))
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert answer.status_code == 409
    assert "delivered at noon" in answer.json()["detail"]
    assert await requests(sql) == 1


async def test_the_request_carries_the_orders_trace(orders: httpx.AsyncClient, sql: Any, order_id: str) -> None:
    await orders.post(f"/orders/{order_id}/cancel")
    rows = await sql.fetch("SELECT headers FROM outbox ORDER BY id")
    traces = {orjson.loads(row["headers"])["traceparent"] for row in rows}
    assert len(traces) == 1
