"""Stock taken on trial over HTTP: tried, confirmed, cancelled, expired, each of them once and for all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kit.database import Database
from kit.ids import new_id
from products_svc.try_confirm import TryParticipant
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import announced, assert_the_ledger_adds_up, stock_of
from tests.waiting import eventually


@pytest.fixture
async def products(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """Its sweep never comes: a try ends only where a test says so."""
    async with start(wiring="tcc", try_sweep_seconds=600) as client:
        yield client


async def attempt(
    products: httpx.AsyncClient, order: object, *, product: int = 2, quantity: int = 3, seconds: float = 60
) -> httpx.Response:
    body = {"orderId": str(order), "productId": product, "quantity": quantity, "expiresInSeconds": seconds}
    return await products.post("/participant/tries", json=body)


async def confirm(products: httpx.AsyncClient, order: object) -> httpx.Response:
    return await products.post(f"/participant/tries/{order}/confirm")


async def cancel(products: httpx.AsyncClient, order: object) -> httpx.Response:
    return await products.post(f"/participant/tries/{order}/cancel")


async def release(products: httpx.AsyncClient, order: object) -> httpx.Response:
    return await products.post(f"/participant/reservations/{order}/release")


async def everything(sql: Any) -> list[Any]:
    """All that a refused request must leave as it is."""
    tables = ("products", "reservations", "stock_ledger")
    return [await sql.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_try_holds_the_stock_and_a_confirmation_keeps_it(products: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    tried = await attempt(products, order)
    assert (tried.status_code, tried.json()["state"]) == (200, "tried")
    assert tried.json()["expiresAt"]
    assert await stock_of(sql, 2) == 1_999_997
    confirmed = await confirm(products, order)
    assert (confirmed.status_code, confirmed.json()) == (200, {"orderId": str(order), "state": "reserved"})
    assert await stock_of(sql, 2) == 1_999_997
    assert await announced(sql) == []
    await assert_the_ledger_adds_up(sql)


async def test_a_cancellation_puts_the_stock_back(products: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    await attempt(products, order)
    cancelled = await cancel(products, order)
    assert (cancelled.status_code, cancelled.json()) == (200, {"orderId": str(order), "state": "released"})
    assert await stock_of(sql, 2) == 2_000_000
    await assert_the_ledger_adds_up(sql)


async def test_every_step_may_be_repeated_and_the_repetition_changes_nothing(
    products: httpx.AsyncClient, sql: Any
) -> None:
    kept, undone = new_id(), new_id()
    for order, step in ((kept, confirm), (undone, cancel)):
        tried = await attempt(products, order)
        before = await everything(sql)
        assert (await attempt(products, order, seconds=600)).json() == tried.json(), "nor does it get more time"
        assert await everything(sql) == before
        done = await step(products, order)
        before = await everything(sql)
        again = [await step(products, order), *await asyncio.gather(*(step(products, order) for _ in range(3)))]
        assert {(answer.status_code, answer.text) for answer in again} == {(200, done.text)}
        assert await everything(sql) == before
    assert (await attempt(products, kept)).json()["state"] == "reserved"


async def test_a_cancellation_that_comes_before_its_try_is_remembered(products: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    assert (await cancel(products, order)).status_code == 200
    assert kind(await attempt(products, order)) == (409, "order-cancelled")
    assert kind(await confirm(products, order)) == (409, "order-cancelled")
    assert await stock_of(sql, 2) == 2_000_000


async def test_a_try_whose_time_is_up_is_ended_by_the_sweep(start: Start, sql: Any) -> None:
    order = new_id()
    async with start(wiring="tcc", try_sweep_seconds=0.05) as products:
        await attempt(products, order, seconds=0.2)
        assert await stock_of(sql, 2) == 1_999_997
        await eventually(lambda: sql.fetchval("SELECT stock = 2000000 FROM products WHERE id = 2"))
        before = await everything(sql)
        assert kind(await confirm(products, order)) == (410, "try-expired")
        assert kind(await attempt(products, order)) == (410, "try-expired")
        assert await everything(sql) == before
        cancelled = await cancel(products, order)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "expired")
        assert "products_tries_expired_total" in (await products.get("/metrics")).text
    assert await sql.fetchval("SELECT reason FROM reservations") == "the try expired before it was confirmed"
    await assert_the_ledger_adds_up(sql)


async def test_it_cannot_be_confirmed_any_more_even_before_the_sweep_has_come(
    products: httpx.AsyncClient, sql: Any
) -> None:
    order = new_id()
    await attempt(products, order)
    await sql.execute("UPDATE reservations SET expires_at = now() - interval '1 millisecond'")
    assert kind(await confirm(products, order)) == (410, "try-expired")
    assert await stock_of(sql, 2) == 2_000_000
    await assert_the_ledger_adds_up(sql)


async def test_a_confirmed_try_never_expires(products: httpx.AsyncClient, database: Database, sql: Any) -> None:
    order = new_id()
    await attempt(products, order)
    await confirm(products, order)
    await TryParticipant(database, sweep_seconds=1).sweep()
    assert await sql.fetch("SELECT state, expires_at FROM reservations") == [("reserved", None)]


async def test_a_sweep_ends_all_that_are_late_and_no_other(
    products: httpx.AsyncClient, database: Database, sql: Any
) -> None:
    """More than it takes at a time."""
    late, early = [new_id() for _ in range(1100)], [new_id() for _ in range(10)]
    await asyncio.gather(*(attempt(products, order, quantity=1) for order in (*late, *early)))
    await sql.execute("UPDATE reservations SET expires_at = now() WHERE order_id = ANY($1)", late)
    sweeps = [TryParticipant(database, sweep_seconds=1).sweep() for _ in range(2)]
    await asyncio.gather(*sweeps)
    states = Counter(row["state"] for row in await sql.fetch("SELECT state FROM reservations"))
    assert states == {"expired": 1100, "tried": 10}
    assert await stock_of(sql, 2) == 2_000_000 - 10
    await assert_the_ledger_adds_up(sql)


async def test_unknown_tries_other_contents_and_late_cancellations_are_refused_and_change_nothing(
    products: httpx.AsyncClient, sql: Any
) -> None:
    tried, confirmed, refused = new_id(), new_id(), new_id()
    for order in (tried, confirmed):
        await attempt(products, order)
    await confirm(products, confirmed)
    await products.post("/products/1/stock/decrease", json={"quantity": 1_000_000})
    assert kind(await attempt(products, refused, product=1)) == (409, "out-of-stock")
    before = await everything(sql)
    assert kind(await confirm(products, new_id())) == (404, "unknown-try")
    assert kind(await attempt(products, new_id(), product=99)) == (404, "unknown-product")
    assert kind(await attempt(products, tried, quantity=4)) == (409, "other-content")
    assert kind(await attempt(products, tried, product=3)) == (409, "other-content")
    assert kind(await attempt(products, confirmed, quantity=4)) == (409, "other-content")
    assert kind(await cancel(products, confirmed)) == (409, "try-confirmed")
    assert kind(await confirm(products, refused)) == (409, "out-of-stock")
    assert kind(await attempt(products, refused, product=1)) == (409, "out-of-stock")
    assert (await cancel(products, refused)).json()["state"] == "rejected"
    assert await everything(sql) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"expiresInSeconds": 0},
        {"expiresInSeconds": -1},
        {"expiresInSeconds": 3601},
        {"expiresInSeconds": "soon"},
        {"expiresInSeconds": None},
        {"quantity": 0},
        {"orderId": "x"},
        {"more": 1},
    ],
    ids=str,
)
async def test_a_try_that_says_nonsense_is_refused(
    products: httpx.AsyncClient, sql: Any, wrong: dict[str, object]
) -> None:
    body = {"orderId": str(new_id()), "productId": 2, "quantity": 1, "expiresInSeconds": 10} | wrong
    answer = await products.post("/participant/tries", json=body)
    assert kind(answer) == (422, "invalid-request")
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 0


async def test_of_96_tries_at_once_for_10_pieces_10_hold_them(products: httpx.AsyncClient, sql: Any) -> None:
    await products.post("/products/2/stock/decrease", json={"quantity": 1_999_990})
    answers = await asyncio.gather(*(attempt(products, new_id(), quantity=1) for _ in range(96)))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 86}
    assert await stock_of(sql, 2) == 0
    await assert_the_ledger_adds_up(sql)


async def test_two_replicas_that_race_for_the_same_tries_agree(start: Start, sql: Any) -> None:
    """One confirms while the other cancels: whoever was first, the other is told so."""
    orders = [new_id() for _ in range(40)]
    async with start(wiring="tcc") as one, start(wiring="tcc") as other:
        await asyncio.gather(*(attempt(one, order, quantity=1) for order in orders))
        answers = await asyncio.gather(
            *(confirm(one, order) for order in orders), *(cancel(other, order) for order in orders)
        )
    pairs = zip(answers[:40], answers[40:], strict=True)
    assert {tuple(sorted(answer.status_code for answer in pair)) for pair in pairs} == {(200, 409)}
    held = sum(answer.status_code == 200 for answer in answers[:40])
    assert await stock_of(sql, 2) == 2_000_000 - held
    await assert_the_ledger_adds_up(sql)


async def test_cancelling_the_whole_order_releases_what_was_confirmed(products: httpx.AsyncClient, sql: Any) -> None:
    confirmed, unheard_of = new_id(), new_id()
    await attempt(products, confirmed)
    await confirm(products, confirmed)
    for order in (confirmed, confirmed, unheard_of):
        assert (await release(products, order)).json() == {"orderId": str(order), "state": "released"}
    assert kind(await attempt(products, unheard_of)) == (409, "order-cancelled")
    assert await stock_of(sql, 2) == 2_000_000
    await assert_the_ledger_adds_up(sql)


async def test_the_chains_way_of_taking_stock_does_not_exist_here(products: httpx.AsyncClient) -> None:
    body = {"orderId": str(new_id()), "productId": 2, "quantity": 1}
    assert (await products.post("/participant/reservations", json=body)).status_code == 404
