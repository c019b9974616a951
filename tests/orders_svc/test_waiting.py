"""``Prefer: wait=N``: the customer waits for the outcome, not for the machinery."""

import asyncio
from time import monotonic, process_time
from typing import Any

import httpx
import pytest

from events.outbox import Outbox
from kit.database import Database
from orders_svc import store
from orders_svc.domain import Order
from orders_svc.prefer import wait_seconds
from orders_svc.waiting import Waiting
from tests.orders_svc.conftest import Start
from tests.orders_svc.facts import cancelled, happen, rejected, started
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 1}


async def place_and_wait(orders: httpx.AsyncClient, sql: Any, seconds: int = 20) -> tuple[Any, str]:
    """The request under way, and the order's id as the database has it."""
    request = asyncio.create_task(orders.post("/orders", json=ORDER, headers={"Prefer": f"wait={seconds}"}))
    order_id = await eventually(lambda: sql.fetchval("SELECT id FROM orders"))
    return request, str(order_id)


async def test_a_confirmed_order_is_201(orders: httpx.AsyncClient, outbox: Outbox, sql: Any) -> None:
    """Settled by another replica: the poll finds it."""
    request, order_id = await place_and_wait(orders, sql)
    await happen(outbox, started(order_id))
    answer = await request
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["location"] == f"/orders/{order_id}"


async def test_a_rejected_order_is_a_409_with_the_reason(orders: httpx.AsyncClient, outbox: Outbox, sql: Any) -> None:
    request, order_id = await place_and_wait(orders, sql)
    await happen(outbox, rejected(order_id, "0 left, 1 wanted"))
    answer = await request
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json()["type"] == "urn:shop:problem:order-rejected"
    assert answer.json()["detail"] == "0 left, 1 wanted"
    assert answer.json()["order"]["id"] == order_id
    assert answer.headers["location"] == f"/orders/{order_id}"


async def test_an_order_cancelled_meanwhile_is_a_409(orders: httpx.AsyncClient, outbox: Outbox, sql: Any) -> None:
    request, order_id = await place_and_wait(orders, sql)
    await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    await happen(outbox, cancelled(order_id))
    answer = await request
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-cancelled")
    assert answer.json()["detail"] == "changed my mind"


async def test_when_the_time_has_run_out_it_is_202(orders: httpx.AsyncClient) -> None:
    begin = monotonic()
    answer = await orders.post("/orders", json=ORDER, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert 1.0 <= monotonic() - begin < 3.0


async def test_without_a_wait_a_repeat_is_202_with_the_outcome_in_the_body(
    orders: httpx.AsyncClient, outbox: Outbox
) -> None:
    key = {"Idempotency-Key": "k"}
    order = (await orders.post("/orders", json=ORDER, headers=key)).json()
    await happen(outbox, rejected(order["id"]))
    again = await orders.post("/orders", json=ORDER, headers=key)
    waited = await orders.post("/orders", json=ORDER, headers=key | {"Prefer": "wait=5"})
    assert (again.status_code, again.json()["status"]) == (202, "rejected")
    assert waited.status_code == 409


async def test_whoever_waits_is_let_go_when_the_process_stops(start: Start, sql: Any) -> None:
    async with start() as running:
        request, _ = await place_and_wait(running.client, sql, seconds=30)
        for drain in running.service.draining:
            drain()
        assert (await request).status_code == 202
        late = await running.client.post("/orders", json=ORDER, headers={"Prefer": "wait=30"})
        assert late.status_code == 202


async def test_the_replica_that_settles_an_order_wakes_its_waiters_at_once(
    orders: httpx.AsyncClient, outbox: Outbox, database: Database, sql: Any
) -> None:
    """No poll runs here: only the reaction's own word, after its commit."""
    waiting = Waiting(database)
    order = await one_order(orders, database)
    waiters = [asyncio.create_task(waiting.settled(order, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    await happen(outbox, started(order.id), tell=waiting.tell)
    assert [(await waiter).status for waiter in waiters] == ["confirmed", "confirmed"]


async def test_a_settled_order_is_not_waited_for(database: Database, orders: httpx.AsyncClient, outbox: Outbox) -> None:
    order = await one_order(orders, database)
    await happen(outbox, started(order.id))
    async with database.connection() as connection:
        settled = (await store.load(connection, [order.id]))[order.id]
    assert await Waiting(database).settled(settled, 30) is settled


async def one_order(orders: httpx.AsyncClient, database: Database) -> Order:
    await orders.post("/orders", json=ORDER)
    async with database.connection() as connection:
        [order] = await store.page(connection, customer_id=None, after=None, limit=1)
    return order


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=3"], 3),
        (["wait=0"], 0),
        (["WAIT = 7"], 7),
        (["wait=100"], 30),
        (["wait=" + "9" * 400], 30),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (['return=minimal; foo="some, wait=1", wait=5'], 5),
        (["wait=4; x=y, wait=9"], 4),
        ([", ,wait=2"], 2),
        (["wait"], None),
        (["wait="], None),
        (["wait=soon"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=²"], None),
        (["handling=lenient"], None),
        (["wait=1 2"], None),
        (['"'], None),
        (["=5"], None),
    ],
)
def test_prefer_is_read_as_rfc_7240_says_and_ignored_when_it_cannot_be(headers: list[str], seconds: int | None) -> None:
    assert wait_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("start", "again", "end"),
    [
        ("a", "; ", "@"),
        ("a", ";\t", '"'),
        ("a", "; ;  ", "@"),
        ("a", ";b = c ", "@"),
        ("a", ';b="c;" ', "@"),
        ("a", ' ; b = "', "@"),
        ("a=", " ", "@"),
        ("", " ", "@"),
        ("", ", ", "@"),
        ("", "a", "@"),
        ("a=", '"\\" ', "@"),
    ],
)
def test_a_header_made_to_take_long_is_read_at_once(start: str, again: str, end: str) -> None:
    header = start + again * (40_000 // len(again)) + end
    begin = process_time()
    assert wait_seconds([header]) is None
    assert process_time() - begin < 1.0
