"""delivery in the chain: it asks products, and when that fails nothing is undone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.downstream import Products
from tests.delivery_svc.facts import names, states
from tests.waiting import eventually

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


@pytest.fixture
async def delivery(start: Start, products: Products) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring="chain", products_url=products.url) as client:
        yield client


def order(order_id: object) -> dict[str, Any]:
    return {
        "orderId": str(order_id),
        "productId": 2,
        "productName": "MASK",
        "quantity": 3,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }


async def deliver(delivery: httpx.AsyncClient, order_id: object, **headers: str) -> httpx.Response:
    return await delivery.post("/participant/deliveries", json=order(order_id), headers=headers)


async def cancel(delivery: httpx.AsyncClient, order_id: object) -> httpx.Response:
    return await delivery.post(f"/participant/deliveries/{order_id}/cancel")


async def test_the_stock_is_taken_then_the_delivery_starts(
    delivery: httpx.AsyncClient, products: Products, sql: Any
) -> None:
    order_id = new_id()
    answer = await deliver(delivery, order_id)
    assert (answer.status_code, answer.json()["state"]) == (200, "started")
    [(path, body, _)] = products.asked
    assert path == "/participant/reservations"
    assert body == {"orderId": str(order_id), "productId": 2, "quantity": 3}
    assert await states(sql, order_id) == ["started"]
    assert await names(sql) == []


async def test_the_trace_and_the_callers_time_travel_along(delivery: httpx.AsyncClient, products: Products) -> None:
    await deliver(delivery, new_id(), traceparent=TRACE, **{"X-Deadline-Ms": "1000"})
    [(_, _, headers)] = products.asked
    assert headers["traceparent"] == TRACE
    assert 0 < int(headers["X-Deadline-Ms"]) <= 1000


async def test_repeating_it_gives_the_same_delivery(delivery: httpx.AsyncClient, sql: Any) -> None:
    order_id = new_id()
    answers = [await deliver(delivery, order_id) for _ in range(2)]
    answers += await asyncio.gather(*(deliver(delivery, order_id) for _ in range(4)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert await sql.fetchval("SELECT count(*) FROM deliveries") == 1


@pytest.mark.parametrize(
    ("status", "kind", "detail"),
    [(409, "out-of-stock", "out of stock"), (404, "unknown-product", "there is no product 2")],
)
async def test_a_refusal_by_products_is_passed_on_with_its_reason(
    delivery: httpx.AsyncClient, products: Products, sql: Any, status: int, kind: str, detail: str
) -> None:
    products.refuses(status, kind, detail)
    order_id = new_id()
    answer = await deliver(delivery, order_id)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["type"], answer.json()["detail"]) == (f"urn:shop:problem:{kind}", detail)
    assert await states(sql, order_id) == [None]


@pytest.mark.parametrize(("theirs", "ours"), [(500, 502), (503, 503), (504, 504), (302, 502)])
async def test_a_failure_of_products_is_a_failure_of_the_link_and_nothing_is_undone(
    delivery: httpx.AsyncClient, products: Products, sql: Any, theirs: int, ours: int
) -> None:
    products.refuses(theirs, "internal", "the disk is full")
    order_id = new_id()
    answer = await deliver(delivery, order_id)
    assert (answer.status_code, answer.json()["type"]) == (ours, "urn:shop:problem:link-failed")
    assert products.paths == ["/participant/reservations"]
    assert await states(sql, order_id) == [None]


async def test_products_that_is_not_there_is_503(start: Start, sql: Any) -> None:
    async with start(wiring="chain", products_url="http://127.0.0.1:1") as delivery:
        answer = await deliver(delivery, new_id())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_products_that_hangs_is_504_after_the_deadline_and_nothing_is_undone(
    start: Start, products: Products, sql: Any
) -> None:
    products.go_on.clear()
    order_id = new_id()
    async with start(wiring="chain", products_url=products.url, call_deadline_seconds=0.2) as delivery:
        answer = await deliver(delivery, order_id)
        products.go_on.set()
    assert answer.status_code == 504
    assert products.paths == ["/participant/reservations"]
    assert await states(sql, order_id) == [None]


async def test_while_products_is_being_asked_no_database_connection_is_held(
    start: Start, products: Products, sql: Any
) -> None:
    """The original held one: ten connections and a sleep of 500 ms were 19 orders a second."""
    products.go_on.clear()
    async with start(wiring="chain", products_url=products.url, database_pool=2) as delivery:
        calls = [asyncio.create_task(deliver(delivery, new_id())) for _ in range(20)]
        await eventually(lambda: len(products.asked) == 20)
        assert (await delivery.get("/deliveries")).status_code == 200
        products.go_on.set()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}


async def test_cancelling_puts_the_stock_back(delivery: httpx.AsyncClient, products: Products, sql: Any) -> None:
    order_id = new_id()
    await deliver(delivery, order_id)
    answer = await cancel(delivery, order_id)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert products.paths[1:] == [f"/participant/reservations/{order_id}/release"]
    assert await states(sql, order_id) == ["cancelled"]


async def test_an_order_that_was_not_heard_of_is_remembered_as_cancelled(
    delivery: httpx.AsyncClient, products: Products, sql: Any
) -> None:
    order_id = new_id()
    assert (await cancel(delivery, order_id)).status_code == 200
    answer = await deliver(delivery, order_id)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-cancelled")
    assert await states(sql, order_id) == ["cancelled"]


async def test_what_was_handed_over_cannot_be_cancelled_and_keeps_its_stock(
    delivery: httpx.AsyncClient, products: Products, sql: Any
) -> None:
    order_id = new_id()
    started = (await deliver(delivery, order_id)).json()
    await delivery.post(f"/deliveries/{started['deliveryId']}/complete")
    answer = await cancel(delivery, order_id)
    assert (answer.status_code, answer.json()["detail"]) == (409, "delivered already")
    assert products.paths == ["/participant/reservations"]
    assert await states(sql, order_id) == ["completed"]


async def test_a_cancellation_whose_release_failed_can_be_repeated(
    delivery: httpx.AsyncClient, products: Products, sql: Any
) -> None:
    order_id = new_id()
    await deliver(delivery, order_id)
    products.refuses(500, "internal", "the disk is full")
    assert (await cancel(delivery, order_id)).status_code == 502
    assert await states(sql, order_id) == ["cancelled"]
    products.status = 200
    assert (await cancel(delivery, order_id)).status_code == 200
    assert products.paths[1:] == [f"/participant/reservations/{order_id}/release"] * 2


async def test_the_participant_is_there_in_synchronous_wirings_only(start: Start) -> None:
    async with start(wiring="events") as delivery:
        assert (await deliver(delivery, new_id())).status_code == 404
