"""POST /orders and cancelling in the wiring ``chain``: products and delivery are asked while the customer waits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.orders_svc.conftest import Start
from tests.orders_svc.downstream import Behaviour, Downstream, answering, free_port, hanging, refusing
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 3, "customerId": "c-42", "customerName": "Kim", "address": "Seoul"}


@pytest.fixture
async def orders(start: Start, downstream: Downstream) -> AsyncIterator[httpx.AsyncClient]:
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", call_deadline_seconds=2, **urls) as running:
        yield running.client


@pytest.fixture
async def patient(start: Start, downstream: Downstream) -> AsyncIterator[httpx.AsyncClient]:
    """With a deadline that a test does not reach."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", call_deadline_seconds=20, **urls) as running:
        yield running.client


@pytest.fixture
async def holding(start: Start, downstream: Downstream) -> AsyncIterator[httpx.AsyncClient]:
    """The original lab's way, with a pool of two connections."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", hold_transaction=True, database_pool=2, **urls) as running:
        yield running.client


async def status_of(sql: Any, order_id: str) -> str:
    return str(await sql.fetchval("SELECT status FROM orders WHERE id = $1", UUID(order_id)))


async def test_the_customer_gets_a_confirmed_order(orders: httpx.AsyncClient, downstream: Downstream, sql: Any) -> None:
    answer = await orders.post("/orders", json=ORDER)
    order = answer.json()
    assert (answer.status_code, order["status"], order["amount"]) == (201, "confirmed", 60_000)
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert (await orders.get(answer.headers["location"])).json() == order
    (read, _, _), (deliver, body, headers) = downstream.calls
    assert (read, deliver) == ("GET /products/2", "POST /participant/deliveries")
    assert body == {
        "orderId": order["id"],
        "productId": 2,
        "productName": "MASK",
        "quantity": 3,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }
    assert headers["traceparent"].split("-")[1::2] == [UUID(order["id"]).hex, "00"]
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_an_unknown_or_withdrawn_product_is_refused_and_leaves_nothing(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    downstream.products[3]["withdrawn"] = True
    for product_id in (77, 3):
        answer = await orders.post("/orders", json=ORDER | {"productId": product_id})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:shop:problem:unknown-product")
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0


async def test_missing_stock_rejects_the_order(orders: httpx.AsyncClient, downstream: Downstream, sql: Any) -> None:
    downstream.deliver = refusing(409, "out-of-stock", "1 left, 3 wanted")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-rejected")
    assert answer.json()["detail"] == "1 left, 3 wanted"
    assert await status_of(sql, answer.json()["order"]["id"]) == "rejected"


@pytest.mark.parametrize(
    ("answered", "told"), [(500, 502), (502, 502), (503, 503), (504, 504)], ids=["500", "502", "503", "504"]
)
async def test_a_failing_link_rejects_the_order_and_undoes_nothing(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any, answered: int, told: int
) -> None:
    downstream.deliver = refusing(answered, "internal", "the stock was taken, and then something broke")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (told, "urn:shop:problem:link-failed")
    assert answer.headers["location"] == f"/orders/{answer.json()['orderId']}"
    order = (await orders.get(answer.headers["location"])).json()
    assert order["status"] == "rejected"
    assert "a link of the chain failed" in order["reason"]
    assert [call for call, _, _ in downstream.calls] == ["GET /products/2", "POST /participant/deliveries"]


async def test_a_link_over_its_deadline_rejects_the_order(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    release = asyncio.Event()
    downstream.deliver = hanging(release)
    answer = await orders.post("/orders", json=ORDER)
    release.set()
    assert answer.status_code == 504
    assert await status_of(sql, answer.json()["orderId"]) == "rejected"


async def test_without_products_there_is_no_order_at_all(start: Start, sql: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with start(wiring="chain", products_url=nowhere, delivery_url=nowhere) as running:
        answer = await running.client.post("/orders", json=ORDER, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    assert answer.headers["retry-after"] == "1"
    for table in ("orders", "idempotency_keys"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_without_delivery_the_order_is_rejected(start: Start, downstream: Downstream, sql: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with start(wiring="chain", products_url=downstream.url, delivery_url=nowhere) as running:
        answer = await running.client.post("/orders", json=ORDER)
    assert answer.status_code == 503
    assert await status_of(sql, answer.json()["orderId"]) == "rejected"


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"name": "MASK"}', b'{"withdrawn": false, "price": "1"}'])
async def test_products_that_answers_nonsense_is_a_502(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any, body: bytes
) -> None:
    async def nonsense(_request: Any) -> Response:
        return Response(body, media_type="application/json")

    downstream.get_product = nonsense
    assert (await orders.post("/orders", json=ORDER)).status_code == 502
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0


async def test_no_database_connection_is_held_while_a_link_is_slow(start: Start, downstream: Downstream) -> None:
    """Ten orders hang in the chain on a pool of two connections, and the shop window still answers."""
    release = asyncio.Event()
    downstream.deliver = hanging(release)
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", database_pool=2, **urls) as running:
        hung = [asyncio.create_task(running.client.post("/orders", json=ORDER)) for _ in range(10)]
        await eventually(lambda: len(downstream.calls) == 20)
        async with asyncio.timeout(2):
            page = (await running.client.get("/orders")).json()
        assert [item["status"] for item in page["items"]] == ["pending"] * 10
        release.set()
        assert {(await request).status_code for request in hung} == {201}


async def test_with_the_original_labs_open_transaction_they_are(
    holding: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    release = asyncio.Event()
    downstream.deliver = hanging(release)
    hung = [asyncio.create_task(holding.post("/orders", json=ORDER)) for _ in range(3)]
    await eventually(lambda: sum(call.startswith("POST") for call, _, _ in downstream.calls) == 2)
    look = asyncio.create_task(holding.get("/orders"))
    done, _ = await asyncio.wait([look], timeout=0.3)
    assert not done
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0
    release.set()
    assert {(await request).status_code for request in hung} == {201}
    assert (await look).status_code == 200


async def test_an_open_transaction_answers_and_rejects_the_same(
    holding: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    key = {"Idempotency-Key": "k"}
    first = await holding.post("/orders", json=ORDER, headers=key)
    again = await holding.post("/orders", json=ORDER, headers=key)
    assert (first.status_code, again.json()) == (201, first.json())
    assert (await holding.post("/orders", json=ORDER | {"productId": 77})).status_code == 422
    downstream.deliver = refusing(500, "internal", "no")
    failed = await holding.post("/orders", json=ORDER)
    assert failed.status_code == 502
    assert await status_of(sql, failed.json()["orderId"]) == "rejected"


async def test_a_confirmed_order_is_cancelled_when_delivery_agrees(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    answer = await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["reason"] == "changed my mind"
    assert downstream.calls[-1][0] == f"POST /participant/deliveries/{order_id}/cancel"
    again = await orders.post(f"/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["orderStatus"]) == (409, "cancelled")


async def test_a_delivered_order_stays_confirmed_with_the_refusal_noted(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    downstream.cancel = refusing(409, "completed", "delivered at noon")
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:cannot-cancel")
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["cancellationRefused"], order["reason"]) == ("confirmed", "delivered at noon", None)


@pytest.mark.parametrize("answered", [500, 502, 503, 504])
async def test_when_delivery_has_no_answer_a_confirmed_order_stays_cancelling_and_asking_again_goes_on(
    orders: httpx.AsyncClient, downstream: Downstream, answered: int
) -> None:
    """Delivery may have cancelled before the link failed that it depends on: the order may not be confirmed again."""
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    downstream.cancel = refusing(answered, "unavailable", "products cannot be reached")
    failed = await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    assert (failed.status_code, failed.json()["type"]) == (503, "urn:shop:problem:cancellation-unanswered")
    assert (failed.headers["retry-after"], failed.headers["location"]) == ("1", f"/orders/{order_id}")
    assert "products cannot be reached" in failed.json()["detail"]
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["settledAt"], order["cancellationRefused"]) == ("cancelling", None, None)
    downstream.cancel = answering(200, {"state": "cancelled"})
    again = await orders.post(f"/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["status"], again.json()["reason"]) == (200, "cancelled", "changed my mind")


async def test_a_refusal_that_comes_after_a_failed_link_leaves_the_order_confirmed(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    downstream.cancel = refusing(503, "unavailable", "not now")
    await orders.post(f"/orders/{order_id}/cancel")
    downstream.cancel = refusing(409, "completed", "delivered at noon")
    assert (await orders.post(f"/orders/{order_id}/cancel")).status_code == 409
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["cancellationRefused"]) == ("confirmed", "delivered at noon")


@pytest.mark.parametrize(
    ("behaviour", "status", "ends"),
    [
        (answering(200, {"state": "cancelled"}), 200, "cancelled"),
        (refusing(409, "completed", "delivered at noon"), 409, "confirmed"),
    ],
    ids=["agreed", "refused"],
)
async def test_several_cancellations_at_once_get_the_same_answer(
    patient: httpx.AsyncClient, downstream: Downstream, behaviour: Behaviour, status: int, ends: str
) -> None:
    """All of them are waiting for delivery before the first gets its answer."""
    order_id = (await patient.post("/orders", json=ORDER)).json()["id"]
    asked, everybody = 0, asyncio.Event()

    async def together(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked == 3:
            everybody.set()
        await everybody.wait()
        return await behaviour(request)

    downstream.cancel = together
    answers = await asyncio.gather(*(patient.post(f"/orders/{order_id}/cancel") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [status] * 3
    assert (await patient.get(f"/orders/{order_id}")).json()["status"] == ends


async def test_an_order_cancelled_while_it_is_in_the_chain_ends_cancelled(
    orders: httpx.AsyncClient, downstream: Downstream, start: Start, sql: Any
) -> None:
    """Delivery was told to cancel first, so it refuses to start."""
    release = asyncio.Event()

    async def too_late(request: Any) -> Any:
        await release.wait()
        return await refusing(409, "cancelled", "the order was cancelled")(request)

    downstream.deliver = too_late
    request = asyncio.create_task(orders.post("/orders", json=ORDER))
    order_id = str(await eventually(lambda: sql.fetchval("SELECT id FROM orders")))
    cancelled = await orders.post(f"/orders/{order_id}/cancel")
    release.set()
    answer = await request
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-cancelled")
    assert await status_of(sql, order_id) == "cancelled"


async def test_orders_in_the_chain_at_the_same_moment_end_each_for_itself(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    async def by_quantity(request: Any) -> Any:
        quantity = (await request.json())["quantity"]
        behaviour = (
            answering(200, {"state": "started"}),
            refusing(409, "out-of-stock", "none left"),
            refusing(500, "internal", "broken"),
        )[quantity % 3]
        return await behaviour(request)

    downstream.deliver = by_quantity
    answers = await asyncio.gather(*(orders.post("/orders", json=ORDER | {"quantity": n}) for n in range(1, 31)))
    assert [answer.status_code for answer in answers] == [409, 502, 201] * 10
    rows = await sql.fetch("SELECT quantity % 3 AS kind, status, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1")
    assert [tuple(row) for row in rows] == [(0, "confirmed", 10), (1, "rejected", 10), (2, "rejected", 10)]
