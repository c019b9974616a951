"""Cancelling across the three services: whatever races with it, everybody ends up with the same story."""

import asyncio
from typing import Any

import pytest

from tests.end_to_end.shop import RunningShop, findings

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def cancel(shop: RunningShop, order: Any) -> tuple[int, Any]:
    return await shop.post("orders", f"/orders/{order['id']}/cancel")


async def complete(shop: RunningShop, order: Any) -> int:
    (delivery,) = await shop.deliveries(order["id"])
    status, _ = await shop.post("delivery", f"/deliveries/{delivery['deliveryId']}/complete")
    return status


async def test_a_confirmed_order_is_cancelled_and_called_back(shop: RunningShop) -> None:
    _, order = await shop.place()

    assert (await cancel(shop, order))[0] == 202

    assert (await shop.settled(order["id"]))["status"] == "cancelled"
    assert [delivery["state"] for delivery in await shop.deliveries(order["id"])] == ["cancelled"]


async def test_an_order_that_was_delivered_stands_and_notes_the_refusal(shop: RunningShop) -> None:
    _, order = await shop.place()
    assert await complete(shop, order) == 200

    assert (await cancel(shop, order))[0] == 202

    settled = await shop.settled(order["id"])
    assert settled["status"] == "confirmed"
    assert settled["cancellationRefused"]
    assert (await cancel(shop, order))[0] == 409


async def test_a_rejected_order_cannot_be_cancelled(shop: RunningShop) -> None:
    number = await shop.product(stock=1)
    status, problem = await shop.place(number, 2)

    assert status == 409
    assert (await cancel(shop, problem["order"]))[0] == 409


async def test_cancelling_that_overtakes_the_order_ends_cancelled(shop: RunningShop) -> None:
    placed = await asyncio.gather(*(shop.place(wait=None) for _ in range(30)))
    await asyncio.gather(*(cancel(shop, order) for _, order in placed))

    ends = [await shop.settled(order["id"]) for _, order in placed]

    assert {order["status"] for order in ends} == {"cancelled"}


async def test_cancelling_and_completing_at_once_end_the_same_for_both(shop: RunningShop) -> None:
    placed = [order for _, order in await asyncio.gather(*(shop.place() for _ in range(30)))]

    await asyncio.gather(*(cancel(shop, order) for order in placed), *(complete(shop, order) for order in placed))

    for order in placed:
        status = (await shop.settled(order["id"]))["status"]
        (delivery,) = await shop.deliveries(order["id"])
        assert (status, delivery["state"]) in {("cancelled", "cancelled"), ("confirmed", "completed")}


async def test_after_all_of_this_the_books_are_right(shop: RunningShop) -> None:
    assert findings(await shop.audit()) == []
