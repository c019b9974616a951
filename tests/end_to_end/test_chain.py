"""The synchronous chain end to end: what it does right, and the residue it leaves when a link fails, as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, findings, found
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def chain() -> AsyncIterator[RunningShop]:
    """One process of each service, and no Kafka at all: nobody listens at that address."""
    async with opened("chain", 1, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as shop:
        yield shop


async def reservations(chain: RunningShop, order_id: str) -> list[tuple[str, int]]:
    sql = "SELECT state, quantity FROM reservations WHERE order_id = $1"
    return [(row["state"], row["quantity"]) for row in await chain.rows("products", sql, order_id)]


async def orders_of(chain: RunningShop, customer: str) -> list[Any]:
    orders: list[Any] = (await chain.get("orders", f"/orders?customerId={customer}"))["items"]
    return orders


async def test_an_order_is_confirmed_with_its_delivery_and_its_reservation_when_the_customer_is_answered(
    chain: RunningShop,
) -> None:
    number = await chain.product(stock=10)

    status, order = await chain.place(number, 3, wait=None)

    assert (status, order["status"]) == (201, "confirmed")
    assert [delivery["state"] for delivery in await chain.deliveries(order["id"])] == ["started"]
    assert await reservations(chain, order["id"]) == [("reserved", 3)]
    assert await chain.stock(number) == 7


async def test_cancelling_calls_the_delivery_back_and_returns_the_stock(chain: RunningShop) -> None:
    number = await chain.product(stock=10)
    _, order = await chain.place(number, 3)

    status, body = await chain.cancel(order["id"])

    assert (status, body["status"]) == (200, "cancelled")
    assert [delivery["state"] for delivery in await chain.deliveries(order["id"])] == ["cancelled"]
    assert await reservations(chain, order["id"]) == [("released", 3)]
    assert await chain.stock(number) == 10


async def test_an_order_that_was_delivered_is_not_cancelled(chain: RunningShop) -> None:
    _, order = await chain.place()
    (delivery,) = await chain.deliveries(order["id"])
    assert (await chain.post("delivery", f"/deliveries/{delivery['deliveryId']}/complete"))[0] == 200

    status, _ = await chain.cancel(order["id"])

    assert status == 409
    assert (await chain.get("orders", f"/orders/{order['id']}"))["status"] == "confirmed"


async def test_too_little_stock_rejects_the_order_and_takes_nothing(chain: RunningShop) -> None:
    number = await chain.product(stock=2)

    status, problem = await chain.place(number, 3)

    assert (status, problem["order"]["status"]) == (409, "rejected")
    assert await chain.stock(number) == 2
    assert await chain.deliveries(problem["order"]["id"]) == []


async def test_concurrent_orders_never_take_more_than_there_is(chain: RunningShop) -> None:
    number = await chain.product(stock=10)

    answers = await asyncio.gather(*(chain.place(number) for _ in range(96)))

    assert sorted(status for status, _ in answers) == [201] * 10 + [409] * 86
    assert await chain.stock(number) == 0


async def test_so_far_the_books_are_right(chain: RunningShop) -> None:
    assert findings(await chain.audit()) == []


async def test_products_slower_than_the_deadline_takes_the_stock_of_a_rejected_order_and_the_audit_names_it(
    chain: RunningShop,
) -> None:
    number = await chain.product(stock=10)
    before = found(await chain.audit())

    async with shelf_is_locked(chain, number):
        status, problem = await chain.place(number, 3)
        assert await reservations(chain, problem["orderId"]) == []
    await chain.stock_becomes(number, 7)

    assert status == 504
    order = await chain.get("orders", f"/orders/{problem['orderId']}")
    assert order["status"] == "rejected"
    assert found(await chain.audit()) - before == {("rejected, cancelled: no stock held", order["id"])}


async def test_products_that_is_down_is_told_to_the_customer_and_no_order_is_made(chain: RunningShop) -> None:
    chain.on.supervisor.pause_restarts("products")
    await chain.on.supervisor.kill("products")
    try:
        status, problem = await chain.place(customer="early")
    finally:
        await chain.on.supervisor.resume_restarts("products")

    assert status == 503, problem
    assert await orders_of(chain, "early") == []
    assert (await chain.place())[0] == 201


async def test_products_that_dies_while_it_takes_the_stock_rejects_the_order(chain: RunningShop) -> None:
    number = await chain.product(stock=10)
    chain.on.supervisor.pause_restarts("products")
    try:
        async with shelf_is_locked(chain, number) as somebody_waits:
            placing = asyncio.create_task(chain.place(number, 3, customer="late"))
            await eventually(somebody_waits)
            await chain.on.supervisor.kill("products")
            status, problem = await placing
    finally:
        await chain.on.supervisor.resume_restarts("products")

    assert status in (502, 503, 504), problem
    assert [order["status"] for order in await orders_of(chain, "late")] == ["rejected"]
    assert (await chain.place(number))[0] == 201


@asynccontextmanager
async def shelf_is_locked(chain: RunningShop, number: int) -> AsyncIterator[Any]:
    """Within the block the product can be looked at, but whoever wants to take of its stock waits. Yields whether
    somebody does."""
    url = chain.layout.admin_url(chain.layout.database("products"))
    holder, watcher = await asyncpg.connect(url), await asyncpg.connect(url)

    async def somebody_waits() -> bool:
        sql = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(await watcher.fetchval(sql))

    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM products WHERE id = $1 FOR UPDATE", number)
            yield somebody_waits
    finally:
        await holder.close()
        await watcher.close()
