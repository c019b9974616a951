"""POST /orders in the wiring ``chain-breaker``: what the customer gets when products or delivery give no answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import REGISTRY

from tests.orders_svc.conftest import Start
from tests.orders_svc.downstream import Behaviour, Downstream, answering, free_port, hanging, refusing
from tests.orders_svc.test_placing_by_chain import ORDER, status_of
from tests.waiting import eventually

QUICK: dict[str, Any] = {
    "wiring": "chain-breaker",
    "call_limit_ms": 300,
    "retry_attempts": 1,
    "breaker_window": 4,
    "breaker_calls": 4,
    "breaker_open_seconds": 0.5,
    "promise_seconds": 0.05,
}
AWAY = refusing(503, "link-failed", "cannot be reached")


@pytest.fixture
def links(downstream: Downstream) -> dict[str, Any]:
    return QUICK | {"products_url": downstream.url, "delivery_url": downstream.url}


@pytest.fixture
async def orders(start: Start, links: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with start(**links) as running:
        yield running.client


@pytest.fixture
async def unhurried(start: Start, links: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody looks after promised orders while the test lasts, and a circuit that is open stays open."""
    async with start(**links | {"promise_seconds": 3600, "breaker_open_seconds": 3600}) as running:
        yield running.client


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def place(orders: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await orders.post("/orders", json=ORDER | changes)


def asked(downstream: Downstream, what: str) -> int:
    return sum(call.startswith(what) for call, _, _ in downstream.calls)


async def test_when_all_is_well_it_is_the_chain(orders: httpx.AsyncClient) -> None:
    answer = await place(orders)
    order = answer.json()
    assert (answer.status_code, order["status"]) == (201, "confirmed")
    assert (order["priceSeenAt"], order["promisedAt"]) == (None, None)


async def test_missing_stock_rejects_the_order_as_in_the_chain(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    downstream.deliver = refusing(409, "out-of-stock", "1 left, 3 wanted")
    answer = await place(orders)
    assert (answer.status_code, answer.json()["detail"]) == (409, "1 left, 3 wanted")
    assert answer.json()["order"]["promisedAt"] is None


@pytest.mark.parametrize("failure", [refusing(500, "internal", "broken"), AWAY], ids=["500", "503"])
async def test_without_products_the_last_price_seen_is_taken_and_marked(
    unhurried: httpx.AsyncClient, downstream: Downstream, failure: Behaviour
) -> None:
    seen = (await place(unhurried)).json()
    downstream.get_product = failure
    answer = await place(unhurried)
    order = answer.json()
    assert (answer.status_code, order["price"], order["productName"]) == (201, 20_000, "MASK")
    assert order["priceSeenAt"] is not None
    assert order["priceSeenAt"] <= order["placedAt"]
    assert seen["priceSeenAt"] is None
    assert (await unhurried.get(answer.headers["location"])).json() == order


async def test_a_price_that_changed_meanwhile_is_the_one_that_was_seen_last(
    unhurried: httpx.AsyncClient, downstream: Downstream
) -> None:
    await place(unhurried)
    downstream.products[2] |= {"price": 25_000, "version": 8}
    await place(unhurried)
    downstream.get_product = AWAY
    assert (await place(unhurried)).json()["price"] == 25_000


async def test_a_product_that_was_never_seen_is_503_at_once_when_products_is_cut_off(
    unhurried: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    downstream.get_product = AWAY
    for _ in range(4):
        await place(unhurried)
    asked_before = len(downstream.calls)
    answer = await place(unhurried)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    assert int(answer.headers["retry-after"]) > 1
    assert "circuit is open" in answer.json()["detail"]
    assert len(downstream.calls) == asked_before
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0


async def test_the_price_is_known_after_a_restart(start: Start, links: dict[str, Any]) -> None:
    async with start(**links) as running:
        await place(running.client)
    async with start(**links | {"products_url": f"http://127.0.0.1:{free_port()}"}) as running:
        answer = await place(running.client)
    assert (answer.status_code, answer.json()["price"]) == (201, 20_000)
    assert answer.json()["priceSeenAt"] is not None


async def test_a_product_that_was_withdrawn_has_no_last_price(
    unhurried: httpx.AsyncClient, downstream: Downstream
) -> None:
    await place(unhurried)
    downstream.products[2]["withdrawn"] = True
    assert (await place(unhurried)).status_code == 422
    downstream.get_product = AWAY
    assert (await place(unhurried)).status_code == 503


async def test_without_delivery_the_order_is_accepted_and_confirmed_later_with_one_delivery(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    downstream.deliver = AWAY
    kept = figure("orders_promises_kept_total")
    answer = await place(orders)
    order = answer.json()
    assert (answer.status_code, order["status"]) == (202, "pending")
    assert order["promisedAt"] is not None
    assert answer.headers["location"] == f"/orders/{order['id']}"
    downstream.deliver = answering(200, {"state": "started"})
    await eventually(lambda: _is(orders, order["id"], "confirmed"), within=60)
    assert {body["orderId"] for call, body, _ in downstream.calls if call.startswith("POST")} == {order["id"]}
    assert figure("orders_promises_kept_total") == kept + 1


async def test_a_promise_that_cannot_be_kept_is_counted(orders: httpx.AsyncClient, downstream: Downstream) -> None:
    downstream.deliver = AWAY
    broken = figure("orders_promises_broken_total")
    order = (await place(orders)).json()
    downstream.deliver = refusing(409, "out-of-stock", "1 left, 3 wanted")
    await eventually(lambda: _is(orders, order["id"], "rejected"), within=60)
    assert (await orders.get(f"/orders/{order['id']}")).json()["reason"] == "1 left, 3 wanted"
    assert figure("orders_promises_broken_total") == broken + 1


async def test_a_promise_that_nobody_keeps_in_time_is_broken_too(
    start: Start, links: dict[str, Any], downstream: Downstream
) -> None:
    downstream.deliver = AWAY
    broken = figure("orders_promises_broken_total")
    async with start(**links | {"pending_timeout_seconds": 1.0}) as running:
        order = (await place(running.client)).json()
        await eventually(lambda: _is(running.client, order["id"], "cancelled"), within=60)
    assert figure("orders_promises_broken_total") == broken + 1


async def test_a_customer_who_waits_gets_the_outcome_of_a_promise(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    downstream.deliver = AWAY
    waiting = asyncio.create_task(orders.post("/orders", json=ORDER, headers={"Prefer": "wait=30"}))
    await eventually(lambda: asked(downstream, "POST") >= 1)
    downstream.deliver = answering(200, {"state": "started"})
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")


async def test_a_delivery_that_is_too_slow_is_no_answer(
    unhurried: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    release = asyncio.Event()
    downstream.deliver = hanging(release)
    answer = await place(unhurried)
    release.set()
    assert answer.status_code == 202
    assert await status_of(sql, answer.json()["id"]) == "pending"


async def test_a_link_that_fails_is_cut_off_and_used_again_when_it_is_back(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    downstream.deliver = AWAY
    for _ in range(4):
        await place(orders)
    await eventually(lambda: figure("calls_breaker_state", link="delivery", state="open") == 1)
    before = figure("calls_cut_off_total", link="delivery", reason="circuit")
    assert (await place(orders)).status_code == 202
    await eventually(lambda: figure("calls_cut_off_total", link="delivery", reason="circuit") > before)
    downstream.deliver = answering(200, {"state": "started"})
    await eventually(lambda: figure("calls_breaker_state", link="delivery", state="closed") == 1, within=60)
    assert (await place(orders)).status_code == 201
    assert "calls_breaker_state" in (await orders.get("/metrics")).text


async def test_a_slow_delivery_cannot_take_every_place(
    start: Start, links: dict[str, Any], downstream: Downstream
) -> None:
    """Five orders hang in delivery; the others are promised at once, and none of them waits for a place."""
    release = asyncio.Event()
    downstream.deliver = hanging(release)
    narrow: dict[str, Any] = {
        "call_limit_ms": 30_000, "call_deadline_seconds": 30, "bulkhead_calls": 5, "bulkhead_wait_ms": 0,
        "promise_seconds": 3600,
    }  # fmt: skip
    async with start(**links | narrow) as running:
        hung = [asyncio.create_task(place(running.client)) for _ in range(5)]
        await eventually(lambda: asked(downstream, "POST") == 5)
        assert {(await place(running.client)).status_code for _ in range(10)} == {202}
        assert asked(downstream, "POST") == 5
        release.set()
        assert {(await one).status_code for one in hung} == {201}


async def test_a_promised_order_can_be_cancelled_and_that_is_no_broken_promise(
    unhurried: httpx.AsyncClient, downstream: Downstream
) -> None:
    downstream.deliver = AWAY
    broken = figure("orders_promises_broken_total")
    order = (await place(unhurried)).json()
    answer = await unhurried.post(f"/orders/{order['id']}/cancel", json={"reason": "changed my mind"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert figure("orders_promises_broken_total") == broken


async def test_a_repeated_key_gets_the_promised_order(unhurried: httpx.AsyncClient, downstream: Downstream) -> None:
    downstream.deliver = AWAY
    key = {"Idempotency-Key": "k"}
    first = await unhurried.post("/orders", json=ORDER, headers=key)
    again = await unhurried.post("/orders", json=ORDER, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())


async def _is(orders: httpx.AsyncClient, order_id: str, status: str) -> bool:
    return bool((await orders.get(f"/orders/{UUID(order_id)}")).json()["status"] == status)
