"""delivery as a participant in three-phase commit: its states go forward only, and bad requests change nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.facts import states


@pytest.fixture
async def delivery(start: Start, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    await sql.execute("TRUNCATE three_phase_transactions")
    async with start(wiring="3pc", phase_timeout_seconds=600) as client:
        yield client


async def vote(delivery: httpx.AsyncClient, order: UUID, **wish: Any) -> httpx.Response:
    body = {
        "orderId": str(order),
        "productId": 2,
        "productName": "MASK",
        "quantity": 3,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }
    return await delivery.post("/participant/three-phase/deliveries", json=body | wish)


async def step(delivery: httpx.AsyncClient, order: UUID, name: str) -> httpx.Response:
    return await delivery.post(f"/participant/three-phase/{order}/{name}")


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_delivery_starts_when_it_is_committed(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    assert (await vote(delivery, order)).json()["state"] == "ready"
    assert await states(sql, order) == ["awaiting_stock"]
    await step(delivery, order, "pre-commit")
    assert await states(sql, order) == ["awaiting_stock"]
    await step(delivery, order, "commit")
    assert await states(sql, order) == ["started"]


async def test_aborted_it_is_not_needed(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await vote(delivery, order)
    assert [(await step(delivery, order, "abort")).status_code for _ in range(2)] == [200, 200]
    assert await states(sql, order) == ["not_needed"]


@pytest.mark.parametrize("name", ["pre-commit", "commit", "abort"])
async def test_an_unknown_transaction_is_404(delivery: httpx.AsyncClient, name: str) -> None:
    assert kind(await step(delivery, new_id(), name)) == (404, "unknown-transaction")


async def test_the_same_vote_twice_is_409_and_the_first_one_stands(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await vote(delivery, order)
    assert kind(await vote(delivery, order)) == (409, "voted-already")
    assert await states(sql, order) == ["awaiting_stock"]


async def test_an_order_that_was_cancelled_before_is_not_voted_for(delivery: httpx.AsyncClient, sql: Any) -> None:
    """products cannot be reached, but that it is cancelled is remembered."""
    order = new_id()
    await delivery.post(f"/participant/deliveries/{order}/cancel")

    assert kind(await vote(delivery, order)) == (409, "order-cancelled")
    assert kind(await step(delivery, order, "pre-commit")) == (409, "aborted-already")
    assert await states(sql, order) == ["cancelled"]


async def test_a_commit_without_a_pre_commit_is_409(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await vote(delivery, order)
    assert kind(await step(delivery, order, "commit")) == (409, "not-pre-committed")
    assert await states(sql, order) == ["awaiting_stock"]


@pytest.mark.parametrize("wish", [{"quantity": 0}, {"orderId": 7}, {"address": ""}, {"colour": "red"}])
async def test_a_vote_that_cannot_be_read_leaves_nothing(
    delivery: httpx.AsyncClient, sql: Any, wish: dict[str, Any]
) -> None:
    assert kind(await vote(delivery, new_id(), **wish)) == (422, "invalid-request")
    assert await sql.fetchval("SELECT count(*) FROM three_phase_transactions") == 0
