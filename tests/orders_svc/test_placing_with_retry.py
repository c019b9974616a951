"""POST /orders in the wiring ``chain-retry``: what brought no answer is asked for again, within one deadline."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.orders_svc.conftest import Start
from tests.orders_svc.downstream import Behaviour, Downstream, hanging, refusing
from tests.orders_svc.test_placing_by_chain import ORDER, status_of


@pytest.fixture
async def orders(start: Start, downstream: Downstream) -> AsyncIterator[httpx.AsyncClient]:
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain-retry", retry_pause_ms=1, **urls) as running:
        yield running.client


def failing(times: int, failure: Behaviour, then: Behaviour) -> Behaviour:
    """Fails so often, and then works."""
    left = times

    async def respond(request: Request) -> Response:
        nonlocal left
        left -= 1
        return await (failure if left >= 0 else then)(request)

    return respond


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_link_that_fails_twice_costs_the_customer_nothing(
    orders: httpx.AsyncClient, downstream: Downstream, status: int
) -> None:
    failure = refusing(status, "link-failed", "not now")
    downstream.get_product = failing(2, failure, downstream.get_product)
    downstream.deliver = failing(2, failure, downstream.deliver)
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    assert len(downstream.calls) == 6
    assert len({body["orderId"] for call, body, _ in downstream.calls if call.startswith("POST")}) == 1


async def test_a_link_that_goes_on_failing_rejects_the_order(
    orders: httpx.AsyncClient, downstream: Downstream, sql: Any
) -> None:
    downstream.deliver = refusing(503, "link-failed", "products cannot be reached")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    assert await status_of(sql, answer.json()["orderId"]) == "rejected"
    assert len(downstream.calls) == 1 + 3


@pytest.mark.parametrize("status", [404, 409, 422, 500])
async def test_an_answer_is_not_asked_for_again(orders: httpx.AsyncClient, downstream: Downstream, status: int) -> None:
    downstream.deliver = refusing(status, "said", "what was said")
    await orders.post("/orders", json=ORDER)
    assert len(downstream.calls) == 2


async def test_all_calls_of_one_order_share_one_deadline(start: Start, downstream: Downstream, sql: Any) -> None:
    """Both links hang: in the chain each would take its own 1 s, and every repetition another."""
    release = asyncio.Event()
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    downstream.deliver = hanging(release)
    patience: dict[str, Any] = {"call_deadline_seconds": 1, "call_limit_ms": 400, "retry_pause_ms": 1}
    async with start(wiring="chain-retry", **patience, **urls) as running:
        begin = monotonic()
        answer = await running.client.post("/orders", json=ORDER)
        took = monotonic() - begin
        release.set()
    assert answer.status_code == 504
    assert 0.9 < took < 5
    left = [int(headers["x-deadline-ms"]) for call, _, headers in downstream.calls if call.startswith("POST")]
    assert len(left) >= 2
    assert left[0] <= 400
    assert left[-1] < 400


async def test_an_order_that_nobody_waits_for_any_more_is_not_begun(orders: httpx.AsyncClient, sql: Any) -> None:
    answer = await orders.post("/orders", json=ORDER, headers={"X-Deadline-Ms": "0"})
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:shop:problem:deadline-passed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert await sql.fetchval("SELECT count(*) FROM orders") == 0


async def test_the_customers_own_deadline_goes_down_the_chain(
    orders: httpx.AsyncClient, downstream: Downstream
) -> None:
    answer = await orders.post("/orders", json=ORDER, headers={"X-Deadline-Ms": "900"})
    assert answer.status_code == 201
    assert all(0 < int(headers["x-deadline-ms"]) <= 900 for _, _, headers in downstream.calls)


@pytest.mark.parametrize("nonsense", ["", "soon", "-1", "1e3", "٣", "9" * 20])
async def test_a_deadline_that_cannot_be_read_counts_as_none(
    orders: httpx.AsyncClient, downstream: Downstream, nonsense: str
) -> None:
    headers = {"X-Deadline-Ms": nonsense.encode()}
    assert (await orders.post("/orders", json=ORDER, headers=headers)).status_code == 201  # type: ignore[arg-type]


async def test_cancelling_asks_delivery_again(orders: httpx.AsyncClient, downstream: Downstream) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    downstream.cancel = failing(2, refusing(503, "link-failed", "not now"), downstream.cancel)
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
