"""Orders that wait for delivery are taken up until each of them has its answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from calls.client import Peer
from calls.errors import PeerCutOff, PeerError, PeerUnavailable
from kit.database import Database
from kit.ids import new_id
from orders_svc import store
from orders_svc.domain import Customer, Order, ShownProduct
from orders_svc.placing.fallback import FallbackPlacing
from orders_svc.placing.links import Links
from orders_svc.placing.promises import Promises

LONG_AGO = timedelta(minutes=5)


class Delivery(Links):
    """Starts every delivery, but for orders in ``fails``. ``asked`` lists the orders it was asked about."""

    def __init__(self) -> None:
        super().__init__(Peer("http://products"), Peer("http://delivery"))
        self.asked: list[UUID] = []
        self.fails: dict[UUID, PeerError] = {}
        self.down: PeerError | None = None

    async def deliver(self, order: Order, traceparent: str | None, deadline: float | None = None) -> None:
        self.asked.append(order.id)
        failure = self.down or self.fails.get(order.id)
        if failure is not None:
            raise failure


@pytest.fixture
def delivery() -> Delivery:
    return Delivery()


@pytest.fixture
def promises(database: Database, delivery: Delivery) -> Promises:
    placing = FallbackPlacing(database, delivery, changed=lambda _: None, patience=3.0)
    return Promises(database, placing, seconds=3600, left_after=60)


async def placed(database: Database, count: int, *, promised: bool = True, ago: timedelta = timedelta()) -> list[UUID]:
    """So many pending orders, oldest first."""
    at = datetime.now(UTC) - ago
    product, customer = ShownProduct(2, "MASK", 20_000, 7), Customer("c", "Kim", "Seoul")
    orders = [Order.place(new_id(), product, 1, customer, at=at) for _ in range(count)]
    async with database.connection() as connection:
        await store.insert(connection, orders)
        if promised:
            await store.promise(connection, [order.id for order in orders], at=at)
    return [order.id for order in orders]


async def statuses(database: Database, ids: Sequence[UUID]) -> list[str]:
    async with database.connection() as connection:
        orders = await store.load(connection, ids)
    return [orders[id].status for id in ids]


async def test_all_promised_orders_are_finished_in_one_sweep(
    database: Database, promises: Promises, delivery: Delivery
) -> None:
    ids = await placed(database, 450)
    await promises.sweep()
    assert await statuses(database, ids) == ["confirmed"] * 450
    assert sorted(delivery.asked) == ids


async def test_a_link_that_is_cut_off_is_asked_about_one_order_only(
    database: Database, promises: Promises, delivery: Delivery
) -> None:
    ids = await placed(database, 50)
    delivery.down = PeerCutOff("delivery", "its circuit is open")
    await promises.sweep()
    assert delivery.asked == ids[:1]
    delivery.down = None
    for _ in range(2):
        await promises.sweep()
    assert await statuses(database, ids) == ["confirmed"] * 50


async def test_orders_for_which_delivery_always_fails_do_not_hold_up_the_others(
    database: Database, promises: Promises, delivery: Delivery
) -> None:
    ids = await placed(database, 40)
    delivery.fails = {id: PeerUnavailable("delivery", "it breaks on this one") for id in ids[:5]}
    for _ in range(3):
        await promises.sweep()
    assert await statuses(database, ids) == ["pending"] * 5 + ["confirmed"] * 35
    delivery.fails = {}
    for _ in range(2):
        await promises.sweep()
    assert await statuses(database, ids) == ["confirmed"] * 40


async def test_an_order_that_a_crash_left_behind_is_finished_too_but_not_one_under_way(
    database: Database, promises: Promises
) -> None:
    left = await placed(database, 2, promised=False, ago=LONG_AGO)
    under_way = await placed(database, 2, promised=False)
    await promises.sweep()
    assert await statuses(database, left + under_way) == ["confirmed", "confirmed", "pending", "pending"]


async def test_an_order_that_is_being_cancelled_is_left_alone(
    database: Database, promises: Promises, delivery: Delivery
) -> None:
    [id] = await placed(database, 1)
    async with database.transaction() as connection:
        order = (await store.load(connection, [id], lock=True))[id]
        order.request_cancellation("changed my mind", at=datetime.now(UTC))
        await store.save(connection, [order])
    await promises.sweep()
    assert delivery.asked == []
