"""delivery as a participant in two-phase commit: its vote is a promise, and bad requests change nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.facts import states

PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"


@pytest.fixture
async def delivery(start: Start, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring="2pc", in_doubt_seconds=600, lock_timeout_seconds=0.2) as client:
        yield client
        for row in await sql.fetch(PREPARED):
            await sql.execute(f"ROLLBACK PREPARED '{row['gid']}'")


async def vote(delivery: httpx.AsyncClient, transaction: UUID, **wish: Any) -> httpx.Response:
    body = {
        "transactionId": str(transaction),
        "orderId": str(transaction),
        "productId": 2,
        "productName": "MASK",
        "quantity": 3,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }
    return await delivery.post("/participant/prepared/deliveries", json=body | wish)


async def vote_to_cancel(delivery: httpx.AsyncClient, transaction: UUID, order: UUID) -> httpx.Response:
    wish = {"transactionId": str(transaction), "orderId": str(order)}
    return await delivery.post("/participant/prepared/cancellations", json=wish)


async def finish(delivery: httpx.AsyncClient, transaction: UUID, how: str) -> httpx.Response:
    return await delivery.post(f"/participant/prepared/{transaction}/{how}")


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_delivery_starts_when_it_is_committed(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    assert (await vote(delivery, order)).status_code == 200
    assert await states(sql, order) == [None]

    assert [(await finish(delivery, order, "commit")).status_code for _ in range(2)] == [200, 200]
    assert await states(sql, order) == ["started"]


async def test_rolled_back_it_was_never_there(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await vote(delivery, order)

    assert (await finish(delivery, order, "rollback")).status_code == 200
    assert kind(await finish(delivery, order, "rollback")) == (404, "unknown-transaction")
    assert await states(sql, order) == [None]


@pytest.mark.parametrize("how", ["commit", "rollback"])
async def test_an_unknown_transaction_is_404(delivery: httpx.AsyncClient, how: str) -> None:
    assert kind(await finish(delivery, new_id(), how)) == (404, "unknown-transaction")


async def test_the_same_vote_twice_is_409_and_the_first_one_stands(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await vote(delivery, order)
    assert kind(await vote(delivery, order)) == (409, "voted-already")
    await finish(delivery, order, "commit")
    assert kind(await vote(delivery, order)) == (409, "decided-before")
    assert await states(sql, order) == ["started"]


async def test_a_delivery_is_called_back_when_that_is_committed(delivery: httpx.AsyncClient, sql: Any) -> None:
    order, undone = new_id(), new_id()
    await vote(delivery, order)
    await finish(delivery, order, "commit")

    assert (await vote_to_cancel(delivery, undone, order)).status_code == 200
    assert await states(sql, order) == ["started"]
    await finish(delivery, undone, "commit")
    assert await states(sql, order) == ["cancelled"]
    assert kind(await vote(delivery, new_id(), orderId=str(order))) == (409, "order-cancelled")


async def test_while_it_is_in_doubt_it_cannot_be_handed_over(delivery: httpx.AsyncClient, sql: Any) -> None:
    order, undone = new_id(), new_id()
    await vote(delivery, order)
    await finish(delivery, order, "commit")
    await vote_to_cancel(delivery, undone, order)
    number = await sql.fetchval("SELECT delivery_id FROM deliveries WHERE order_id = $1", order)

    assert kind(await delivery.post(f"/deliveries/{number}/complete")) == (503, "locked")
    await finish(delivery, undone, "rollback")
    assert (await delivery.post(f"/deliveries/{number}/complete")).status_code == 200
    assert kind(await vote_to_cancel(delivery, new_id(), order)) == (409, "delivered")


@pytest.mark.parametrize("wish", [{"quantity": 0}, {"transactionId": 7}, {"address": ""}, {"colour": "red"}])
async def test_a_vote_that_cannot_be_read_leaves_nothing(
    delivery: httpx.AsyncClient, sql: Any, wish: dict[str, Any]
) -> None:
    assert kind(await vote(delivery, new_id(), **wish)) == (422, "invalid-request")
    assert await sql.fetch(PREPARED) == []
