"""Taking stock for an order when asked over HTTP: the synchronous wirings' way to the same decisions."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kit.ids import new_id
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import announced, assert_the_ledger_adds_up, stock_of


@pytest.fixture
async def products(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring="chain") as client:
        yield client


async def reserve(
    products: httpx.AsyncClient, *, order: str | None = None, product: int = 2, quantity: int = 1
) -> httpx.Response:
    body = {"orderId": order or str(new_id()), "productId": product, "quantity": quantity}
    return await products.post("/participant/reservations", json=body)


async def release(products: httpx.AsyncClient, order: str) -> httpx.Response:
    return await products.post(f"/participant/reservations/{order}/release")


async def test_stock_is_taken_for_an_order(products: httpx.AsyncClient, sql: Any) -> None:
    order = str(new_id())
    answer = await reserve(products, order=order, quantity=3)
    assert (answer.status_code, answer.json()) == (200, {"orderId": order, "state": "reserved"})
    assert await stock_of(sql, 2) == 1_999_997
    assert await announced(sql) == []
    await assert_the_ledger_adds_up(sql)


async def test_repeating_it_takes_nothing_more(products: httpx.AsyncClient, sql: Any) -> None:
    order = str(new_id())
    answers = [await reserve(products, order=order) for _ in range(3)]
    answers += await asyncio.gather(*(reserve(products, order=order) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert await stock_of(sql, 2) == 1_999_999


async def test_too_little_stock_is_a_conflict_with_its_reason(products: httpx.AsyncClient, sql: Any) -> None:
    await products.post("/products/2/stock/decrease", json={"quantity": 1_999_990})
    answer = await reserve(products, quantity=11)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:out-of-stock")
    assert answer.json()["detail"] == "out of stock"
    assert await stock_of(sql, 2) == 10


async def test_an_unknown_product_is_not_found_and_a_withdrawn_one_a_conflict(products: httpx.AsyncClient) -> None:
    await products.patch("/products/3", json={"withdrawn": True})
    unknown, withdrawn = await reserve(products, product=99), await reserve(products, product=3)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:shop:problem:unknown-product")
    assert (withdrawn.status_code, withdrawn.json()["type"]) == (409, "urn:shop:problem:withdrawn-product")


async def test_releasing_puts_the_stock_back_once(products: httpx.AsyncClient, sql: Any) -> None:
    order = str(new_id())
    await reserve(products, order=order, quantity=3)
    answers = [await release(products, order) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"orderId": order, "state": "released"}] * 2
    assert await stock_of(sql, 2) == 2_000_000
    await assert_the_ledger_adds_up(sql)


async def test_a_release_that_comes_first_is_remembered(products: httpx.AsyncClient, sql: Any) -> None:
    order = str(new_id())
    assert (await release(products, order)).status_code == 200
    answer = await reserve(products, order=order)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-cancelled")
    assert await stock_of(sql, 2) == 2_000_000


async def test_of_96_orders_at_once_for_10_pieces_10_are_served(products: httpx.AsyncClient, sql: Any) -> None:
    """The original let 36 through and ended at -1."""
    await products.post("/products/2/stock/decrease", json={"quantity": 1_999_990})
    answers = await asyncio.gather(*(reserve(products) for _ in range(96)))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 86}
    assert await stock_of(sql, 2) == 0
    await assert_the_ledger_adds_up(sql)


async def test_requests_that_wait_together_are_one_transaction(products: httpx.AsyncClient, sql: Any) -> None:
    await asyncio.gather(*(reserve(products) for _ in range(50)))
    assert await stock_of(sql, 2) == 2_000_000 - 50
    version = await sql.fetchval("SELECT version FROM products WHERE id = 2")
    assert version < 20


async def test_two_replicas_that_race_for_the_same_orders_agree(start: Start, sql: Any) -> None:
    """One reserves while the other releases: whoever was first, nothing is lost and nobody fails."""
    orders = [str(new_id()) for _ in range(40)]
    async with start(wiring="chain") as one, start(wiring="chain") as other:
        await asyncio.gather(
            *(reserve(one, order=order) for order in orders), *(release(other, order) for order in orders)
        )
        answers = await asyncio.gather(*(release(one, order) for order in orders))
    assert {answer.json()["state"] for answer in answers} == {"released"}
    assert await stock_of(sql, 2) == 2_000_000
    await assert_the_ledger_adds_up(sql)
