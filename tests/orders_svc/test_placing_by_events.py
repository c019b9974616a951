"""POST /orders in the wiring ``events``: accepted with orders' own database alone (Kafka is not reachable here)."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from orders_svc.domain import Customer
from orders_svc.placing import OrderRequest
from orders_svc.placing.events import EventsPlacing
from tests.orders_svc.conftest import WITHDRAWN, Start

ORDER = {"productId": 2, "quantity": 3, "customerId": "c-42", "customerName": "Kim", "address": "Seoul"}


async def recorded(sql: Any) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Headers and data of the outbox's events, in order."""
    rows = await sql.fetch("SELECT topic, key, headers, value FROM outbox ORDER BY id")
    assert {row["topic"] for row in rows} <= {"orders"}
    return [(orjson.loads(row["headers"]), orjson.loads(row["value"])) for row in rows]


async def test_an_order_is_accepted_while_kafka_is_unreachable(orders: httpx.AsyncClient, sql: Any) -> None:
    answer = await orders.post("/orders", json=ORDER)
    order = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert UUID(order["id"]).version == 7
    assert order == {
        "id": order["id"],
        "productId": 2,
        "productName": "MASK",
        "quantity": 3,
        "price": 20_000,
        "amount": 60_000,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
        "status": "pending",
        "reason": None,
        "cancellationRefused": None,
        "placedAt": order["placedAt"],
        "settledAt": None,
        "priceSeenAt": None,
        "promisedAt": None,
        "version": 1,
    }
    assert (await orders.get(answer.headers["location"])).json() == order


async def test_the_event_is_in_the_outbox_with_the_whole_order(orders: httpx.AsyncClient, sql: Any) -> None:
    order = (await orders.post("/orders", json=ORDER)).json()
    [(headers, data)] = await recorded(sql)
    assert headers["ce_type"] == "shop.orders.OrderPlaced.v1"
    assert headers["ce_sequence"] == "1"
    assert data == {
        "orderId": order["id"],
        "productId": 2,
        "productName": "MASK",
        "productVersion": 7,
        "quantity": 3,
        "unitPrice": 20_000,
        "amount": 60_000,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }


async def test_the_original_labs_body_is_enough(orders: httpx.AsyncClient) -> None:
    answer = await orders.post("/orders", json={"productId": 2, "quantity": 1})
    assert answer.status_code == 202
    assert answer.json()["customerId"] == "guest"


@pytest.mark.parametrize("flags", ["00", "01", "03"])
async def test_the_event_belongs_to_the_requests_trace_sampled_or_not(
    orders: httpx.AsyncClient, sql: Any, flags: str
) -> None:
    trace = f"00-{'a1' * 16}-{'b2' * 8}-{flags}"
    await orders.post("/orders", json=ORDER, headers={"traceparent": trace})
    [(headers, _)] = await recorded(sql)
    assert headers["traceparent"] == trace


@pytest.mark.parametrize("header", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{'1' * 16}-01"}])
async def test_without_a_valid_trace_the_orders_id_is_the_trace_and_it_is_not_sampled(
    orders: httpx.AsyncClient, sql: Any, header: dict[str, str]
) -> None:
    order = (await orders.post("/orders", json=ORDER, headers=header)).json()
    [(headers, _)] = await recorded(sql)
    assert headers["traceparent"].split("-")[1::2] == [UUID(order["id"]).hex, "00"]


@pytest.mark.parametrize("product_id", [77, WITHDRAWN])
async def test_a_product_that_is_not_sold_is_refused_and_leaves_nothing(
    orders: httpx.AsyncClient, sql: Any, product_id: int
) -> None:
    answer = await orders.post("/orders", json=ORDER | {"productId": product_id}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:shop:problem:unknown-product"
    assert str(product_id) in answer.json()["detail"]
    for table in ("orders", "outbox", "idempotency_keys"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_orders_that_arrive_together_are_each_answered_for_themselves(
    orders: httpx.AsyncClient, sql: Any
) -> None:
    """Good, unknown and repeated ones in one group: nobody sinks anybody."""
    bodies = [ORDER | {"quantity": n + 1, "productId": 77 if n % 7 == 0 else 2} for n in range(60)]
    answers = await asyncio.gather(*(orders.post("/orders", json=body) for body in bodies))
    for body, answer in zip(bodies, answers, strict=True):
        if body["productId"] == 77:
            assert answer.status_code == 422
        else:
            assert (answer.status_code, answer.json()["quantity"]) == (202, body["quantity"])
    accepted = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert {str(row["id"]) for row in await sql.fetch("SELECT id FROM orders")} == accepted
    assert {data["orderId"] for _, data in await recorded(sql)} == accepted


async def test_an_order_that_breaks_the_group_sinks_nobody_else(orders: httpx.AsyncClient, sql: Any) -> None:
    """The database refuses this one (the amount overflows a bigint), which no check above it sees."""
    await sql.execute("UPDATE product_copy SET price = 9e18::bigint WHERE product_id = 3")
    requests = [orders.post("/orders", json=ORDER | {"productId": 3 if n == 2 else 2}) for n in range(6)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    refused = answers.pop(2)
    assert "out of int64 range" in str(refused)
    assert [answer.status_code for answer in answers if isinstance(answer, httpx.Response)] == [202] * 5
    assert await sql.fetchval("SELECT count(*) FROM orders") == 5
    assert len(await recorded(sql)) == 5


async def test_until_the_product_copy_has_once_been_complete_orders_is_not_ready(start: Start, sql: Any) -> None:
    await sql.execute("TRUNCATE read_models")
    async with start() as running:
        refused = await running.client.post("/orders", json=ORDER)
        ready = await running.client.get("/health/ready")
        await sql.execute("INSERT INTO read_models VALUES ('product-copy', now())")
        accepted = await running.client.post("/orders", json=ORDER)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert "retry-after" in refused.headers
    assert (ready.status_code, list(ready.json()["reasons"])) == (503, ["placing"])
    assert accepted.status_code == 202


async def test_a_withdrawn_product_in_the_copy_stays_known_to_earlier_orders(
    orders: httpx.AsyncClient, sql: Any
) -> None:
    """The order keeps the price that was shown."""
    order = (await orders.post("/orders", json=ORDER)).json()
    await sql.execute("UPDATE product_copy SET price = 1, withdrawn = true, version = 8 WHERE product_id = 2")
    assert (await orders.get(f"/orders/{order['id']}")).json()["price"] == 20_000


async def test_a_request_knows_its_content_apart_from_any_other() -> None:
    """The fingerprint cannot be confused by moving text from one field to the next."""
    one = OrderRequest(1, 11, Customer("a", "bc", "d"))
    assert one.fingerprint() == OrderRequest(1, 11, Customer("a", "bc", "d"), "key", "trace").fingerprint()
    others = [OrderRequest(11, 1, Customer("a", "bc", "d")), OrderRequest(1, 11, Customer("ab", "c", "d"))]
    assert one.fingerprint() not in {other.fingerprint() for other in others}


def test_the_answer_of_this_wiring_is_not_the_outcome() -> None:
    assert EventsPlacing.answers_settled is False
