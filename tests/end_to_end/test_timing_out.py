"""A pending order that nothing settles is cancelled through the same door as a customer's cancellation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lab.backends.ports import unused_port
from lab.running.specs import service_spec
from tests.end_to_end.shop import RunningShop, findings
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    "away", [("products", "products-1", "delivery", "delivery-1"), ("delivery", "delivery-1")], ids=" ".join
)
async def test_orders_that_time_out_end_cancelled_and_give_their_stock_back(
    shop: RunningShop, away: tuple[str, ...]
) -> None:
    number = await shop.product(stock=100)
    async with shop.away(*away):
        placed = [order for _, order in [await shop.place(number, 3, wait=None) for _ in range(10)]]
        if "products" not in away:
            await shop.stock_becomes(number, 70)
        async with impatient_replica(shop):
            await eventually(lambda: _cancelling(shop, number, 10))

    ends = [await shop.settled(order["id"]) for order in placed]

    assert [(order["status"], order["reason"]) for order in ends] == [("cancelled", "timed out")] * 10
    await shop.stock_becomes(number, 100)
    live = [delivery["state"] for order in placed for delivery in await shop.deliveries(order["id"])]
    assert set(live) <= {"cancelled"}
    assert findings(await shop.audit()) == []


@asynccontextmanager
async def impatient_replica(shop: RunningShop) -> AsyncIterator[None]:
    """One more process of orders, for which an order is overdue after a second."""
    usual, port = service_spec(shop.layout, "orders"), unused_port()
    told = {**usual.env, "SHOP_PORT": str(port), "SHOP_PENDING_TIMEOUT_SECONDS": "1"}
    ready = f"http://127.0.0.1:{port}/health/ready"
    await shop.on.supervisor.add(replace(usual, name="orders-impatient", env=told, ready=ready, port=port))
    try:
        yield
    finally:
        await shop.on.supervisor.remove("orders-impatient")


async def _cancelling(shop: RunningShop, number: int, expected: int) -> bool:
    sql = "SELECT count(*) AS n FROM orders WHERE product_id = $1 AND status = 'cancelling'"
    return bool((await shop.rows("orders", sql, number))[0]["n"] == expected)
