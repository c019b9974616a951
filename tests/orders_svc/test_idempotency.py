"""``Idempotency-Key``: the same key is the same order for 24 h, in both wirings."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from kit.database import Database
from orders_svc.key_pruning import KeyPruning
from tests.orders_svc.conftest import WITHDRAWN, Start
from tests.orders_svc.downstream import Downstream

ORDER = {"productId": 2, "quantity": 1, "customerId": "c-42"}
KEY = {"Idempotency-Key": "cart-7381"}


@pytest.fixture(params=["events", "chain"])
async def orders(
    request: pytest.FixtureRequest, start: Start, downstream: Downstream
) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring=request.param, products_url=downstream.url, delivery_url=downstream.url) as running:
        yield running.client


async def test_a_repeat_gets_the_same_order(orders: httpx.AsyncClient, sql: Any) -> None:
    first = await orders.post("/orders", json=ORDER, headers=KEY)
    again = await orders.post("/orders", json=ORDER, headers=KEY)
    assert again.status_code == first.status_code
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert await sql.fetchval("SELECT count(*) FROM orders") == 1


async def test_a_repeat_shows_the_current_status(orders: httpx.AsyncClient, sql: Any) -> None:
    first = await orders.post("/orders", json=ORDER, headers=KEY)
    await sql.execute("UPDATE orders SET status = 'cancelling', reason = 'changed my mind'")
    again = await orders.post("/orders", json=ORDER, headers=KEY)
    assert (again.json()["id"], again.json()["status"]) == (first.json()["id"], "cancelling")
    assert again.status_code == 202


async def test_the_same_key_for_another_order_is_refused(orders: httpx.AsyncClient, sql: Any) -> None:
    first = await orders.post("/orders", json=ORDER, headers=KEY)
    other = await orders.post("/orders", json=ORDER | {"quantity": 2}, headers=KEY)
    assert (other.status_code, other.json()["type"]) == (422, "urn:shop:problem:idempotency-key-reused")
    assert other.json()["orderId"] == first.json()["id"]
    assert await sql.fetchval("SELECT count(*) FROM orders") == 1


async def test_spelling_out_a_default_is_the_same_content(orders: httpx.AsyncClient) -> None:
    first = await orders.post("/orders", json={"productId": 2, "quantity": 1}, headers=KEY)
    spelled = {"quantity": 1, "productId": 2, "customerId": "guest"}
    assert (await orders.post("/orders", json=spelled, headers=KEY)).json()["id"] == first.json()["id"]


async def test_twenty_repeats_at_the_same_moment_are_one_order(orders: httpx.AsyncClient, sql: Any) -> None:
    answers = await asyncio.gather(*(orders.post("/orders", json=ORDER, headers=KEY) for _ in range(20)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.status_code for answer in answers} <= {201, 202}
    assert await sql.fetchval("SELECT count(*) FROM orders") == 1


async def test_a_refused_order_does_not_use_up_its_key(orders: httpx.AsyncClient) -> None:
    refused = await orders.post("/orders", json=ORDER | {"productId": 77}, headers=KEY)
    accepted = await orders.post("/orders", json=ORDER, headers=KEY)
    assert (refused.status_code, accepted.status_code in (201, 202)) == (422, True)


async def test_in_one_group_the_first_that_can_be_placed_has_the_key(start: Start) -> None:
    bodies = [ORDER | {"productId": 77}, ORDER, ORDER | {"quantity": 9}, ORDER]
    async with start() as running:
        answers = await asyncio.gather(*(running.client.post("/orders", json=body, headers=KEY) for body in bodies))
    assert [answer.status_code // 100 for answer in answers] == [4, 2, 4, 2]
    assert answers[1].json()["id"] == answers[3].json()["id"]


async def test_a_repeat_is_answered_even_when_the_product_was_withdrawn_since(
    orders: httpx.AsyncClient, sql: Any, downstream: Downstream
) -> None:
    first = await orders.post("/orders", json=ORDER, headers=KEY)
    await sql.execute("UPDATE product_copy SET withdrawn = true WHERE product_id = 2")
    downstream.products[2]["withdrawn"] = True
    again = await orders.post("/orders", json=ORDER, headers=KEY)
    assert (again.status_code, again.json()["id"]) == (first.status_code, first.json()["id"])
    assert (await orders.post("/orders", json=ORDER)).status_code == 422
    assert WITHDRAWN not in downstream.products


@pytest.mark.parametrize("key", ["", "k" * 201, "tab\there", "smile \u263a".encode(), "\x7f"])
async def test_a_key_that_is_none_is_refused(orders: httpx.AsyncClient, sql: Any, key: str | bytes) -> None:
    raw = key if isinstance(key, bytes) else key.encode()
    answer = await orders.post("/orders", json=ORDER, headers=[(b"Idempotency-Key", raw)])
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:shop:problem:idempotency-key")
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0


async def test_two_keys_are_refused(orders: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    assert (await orders.post("/orders", json=ORDER, headers=headers)).status_code == 400


async def test_two_replicas_that_are_sent_the_same_keys_place_each_order_once(start: Start, sql: Any) -> None:
    """Both write whole groups with overlapping keys, in opposite orders: nobody deadlocks, nothing is doubled."""
    async with start() as one, start() as two:
        for round in range(5):
            keys = [f"{round}-{n}" for n in range(40)]
            answers = await asyncio.gather(
                *(one.client.post("/orders", json=ORDER, headers={"Idempotency-Key": key}) for key in keys),
                *(two.client.post("/orders", json=ORDER, headers={"Idempotency-Key": key}) for key in reversed(keys)),
            )
            assert {answer.status_code for answer in answers} == {202}
            ids = [answer.json()["id"] for answer in answers]
            assert ids[:40] == ids[40:][::-1]
    assert await sql.fetchval("SELECT count(*) FROM orders") == 200
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 200


async def test_keys_are_forgotten_after_24_hours_and_not_before(database: Database, sql: Any) -> None:
    now = datetime.now(UTC)
    old, young = now - timedelta(hours=24, minutes=1), now - timedelta(hours=23, minutes=59)
    insert = "INSERT INTO idempotency_keys SELECT $1 || n, '', gen_random_uuid(), $2 FROM generate_series(1, 25) n"
    await sql.execute(insert, "old", old)
    await sql.execute(insert, "young", young)
    await KeyPruning(database, at_a_time=10).prune()
    rows = await sql.fetch("SELECT key FROM idempotency_keys")
    assert len(rows) == 25
    assert all(row["key"].startswith("young") for row in rows)
