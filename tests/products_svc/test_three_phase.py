"""products as a participant in three-phase commit: its states go forward only, and bad requests change nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from kit.ids import new_id
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import assert_the_ledger_adds_up, stock_of


@pytest.fixture
async def products(start: Start, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    await sql.execute("TRUNCATE three_phase_transactions")
    async with start(wiring="3pc", phase_timeout_seconds=600) as client:
        yield client


async def vote(products: httpx.AsyncClient, order: UUID, **wish: Any) -> httpx.Response:
    body = {"orderId": str(order), "productId": 2, "quantity": 3}
    return await products.post("/participant/three-phase/reservations", json=body | wish)


async def step(products: httpx.AsyncClient, order: UUID, name: str) -> httpx.Response:
    return await products.post(f"/participant/three-phase/{order}/{name}")


async def state(products: httpx.AsyncClient, order: UUID) -> str | None:
    answer = await products.get(f"/participant/three-phase/{order}")
    return None if answer.status_code == 404 else answer.json()["state"]


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_what_was_promised_cannot_be_sold_to_somebody_else(products: httpx.AsyncClient, sql: Any) -> None:
    await products.post("/products", json={"id": 77, "name": "RARE", "price": 1, "stock": 1, "imageUrl": ""})
    first, second = new_id(), new_id()

    assert (await vote(products, first, productId=77, quantity=1)).json()["state"] == "ready"
    assert kind(await vote(products, second, productId=77, quantity=1)) == (409, "out-of-stock")
    assert kind(await products.post("/products/77/stock/decrease", json={"quantity": 1})) == (409, "stock")
    assert await state(products, second) == "aborted"

    for name in ("pre-commit", "commit"):
        assert (await step(products, first, name)).status_code == 200
    assert await stock_of(sql, 77) == 0
    await assert_the_ledger_adds_up(sql)


async def test_aborted_the_stock_is_back(products: httpx.AsyncClient, sql: Any) -> None:
    before, order = await stock_of(sql, 2), new_id()
    await vote(products, order)
    await step(products, order, "pre-commit")

    assert [(await step(products, order, "abort")).status_code for _ in range(2)] == [200, 200]
    assert await stock_of(sql, 2) == before
    await assert_the_ledger_adds_up(sql)


async def test_committing_and_pre_committing_again_changes_nothing(products: httpx.AsyncClient, sql: Any) -> None:
    before, order = await stock_of(sql, 2), new_id()
    await vote(products, order)

    for name in ("pre-commit", "pre-commit", "commit", "commit", "pre-commit"):
        assert (await step(products, order, name)).status_code == 200
    assert await state(products, order) == "committed"
    assert await stock_of(sql, 2) == before - 3


@pytest.mark.parametrize("name", ["pre-commit", "commit", "abort"])
async def test_an_unknown_transaction_is_404(products: httpx.AsyncClient, name: str) -> None:
    order = new_id()
    assert kind(await step(products, order, name)) == (404, "unknown-transaction")
    assert await state(products, order) is None


async def test_the_same_vote_twice_is_409_and_the_first_one_stands(products: httpx.AsyncClient, sql: Any) -> None:
    before, order = await stock_of(sql, 2), new_id()
    await vote(products, order)

    assert kind(await vote(products, order, quantity=1)) == (409, "voted-already")
    assert (await state(products, order), await stock_of(sql, 2)) == ("ready", before - 3)


@pytest.mark.parametrize(
    ("steps", "name", "expected"),
    [
        ((), "commit", "not-pre-committed"),
        (("abort",), "pre-commit", "aborted-already"),
        (("abort",), "commit", "aborted-already"),
        (("pre-commit", "commit"), "abort", "committed-already"),
    ],
)
async def test_a_step_that_does_not_lead_from_here_is_409_and_changes_nothing(
    products: httpx.AsyncClient, sql: Any, steps: tuple[str, ...], name: str, expected: str
) -> None:
    order = new_id()
    await vote(products, order)
    for one in steps:
        await step(products, order, one)
    before = (await state(products, order), await stock_of(sql, 2))

    assert kind(await step(products, order, name)) == (409, expected)
    assert (await state(products, order), await stock_of(sql, 2)) == before


@pytest.mark.parametrize("wish", [{"quantity": 0}, {"orderId": "x"}, {"colour": "red"}, {"productId": None}])
async def test_a_vote_that_cannot_be_read_leaves_nothing(
    products: httpx.AsyncClient, sql: Any, wish: dict[str, Any]
) -> None:
    assert kind(await vote(products, new_id(), **wish)) == (422, "invalid-request")
    assert await sql.fetchval("SELECT count(*) FROM three_phase_transactions") == 0


@pytest.mark.parametrize("body", [{}, {"state": "committed"}, {"state": "ready", "by": "me"}])
async def test_a_question_that_cannot_be_read_binds_nobody(products: httpx.AsyncClient, body: dict[str, Any]) -> None:
    order = new_id()
    await vote(products, order)

    answer = await products.post(f"/participant/three-phase/{order}/ask", json=body)
    assert kind(answer) == (422, "invalid-request")
    assert await state(products, order) == "ready"
