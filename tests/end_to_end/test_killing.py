"""kill -9 of anything, while orders come in: no accepted order is missing, and afterwards the books are right."""

import pytest

from tests.end_to_end.shop import RunningShop, findings
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("victim", ["orders-1", "products", "delivery", "product-copy", "kafka", "postgres"])
async def test_what_is_killed_under_load_comes_back_and_nothing_is_lost_or_done_twice(
    shop: RunningShop, victim: str
) -> None:
    dead_letters = await shop.dead_letters()
    async with shop.load(rate=100, seconds=5) as end:
        pid = shop.pid(victim)
        await shop.on.supervisor.kill(victim)
        await shop.restarted(victim, pid)
        sent = await end()

    result = await shop.audit()

    assert findings(result) == []
    assert len(sent.accepted) > 100
    assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters


async def test_orders_is_killed_while_customers_wait_for_its_answer(shop: RunningShop) -> None:
    dead_letters = await shop.dead_letters()
    async with shop.load(rate=100, seconds=8) as end:
        pid = shop.pid("orders")
        await shop.on.supervisor.kill("orders")
        await shop.restarted("orders", pid)
        sent = await end()

    result = await shop.audit()

    assert findings(result) == []
    assert len(sent.accepted) > 100
    assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters


async def test_replicas_that_leave_and_join_under_load_lose_and_repeat_nothing(shop: RunningShop) -> None:
    dead_letters = await shop.dead_letters()
    async with shop.load(rate=100, seconds=8) as end:
        for service in ("products", "delivery", "orders"):
            async with shop.away(f"{service}-1"):
                assert await shop.place()
        sent = await end()

    result = await shop.audit()

    assert findings(result) == []
    assert len(sent.accepted) == len(sent.records)
    assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters


async def test_orders_placed_while_products_is_down_are_settled_after_it_returns(shop: RunningShop) -> None:
    names = ("products", "products-1")
    for name in names:
        shop.on.supervisor.pause_restarts(name)
        await shop.on.supervisor.kill(name)
    try:
        placed = [await shop.place(wait=None) for _ in range(10)]
        assert [status for status, _ in placed] == [202] * 10
    finally:
        for name in names:
            await shop.on.supervisor.resume_restarts(name)

    orders = [await shop.settled(body["id"]) for _, body in placed]

    assert [order["status"] for order in orders] == ["confirmed"] * 10


async def test_orders_are_accepted_while_kafka_is_down_and_settled_when_it_is_back(shop: RunningShop) -> None:
    shop.on.supervisor.pause_restarts("kafka")
    await shop.on.supervisor.kill("kafka")
    try:
        placed = [await shop.place(wait=None) for _ in range(20)]
        assert [status for status, _ in placed] == [202] * 20
    finally:
        await shop.on.supervisor.resume_restarts("kafka")

    orders = [await shop.settled(body["id"], within=60) for _, body in placed]

    assert {order["status"] for order in orders} == {"confirmed"}
    await eventually(lambda: _outbox_is_empty(shop), within=20)


async def _outbox_is_empty(shop: RunningShop) -> bool:
    return not await shop.rows("orders", "SELECT 1 FROM outbox LIMIT 1")
