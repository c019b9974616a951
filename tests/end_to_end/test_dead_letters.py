"""A dead letter that is requeued, late as it is, leaves the shop as if it had come in time, or as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from lab.dead_letters.deciding import Outcome, absent, requeue, settled
from lab.dead_letters.letters import Letter, read_letters
from lab.supervision import read_state
from tests.end_to_end.shop import RunningShop, findings
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@asynccontextmanager
async def choking_on(shop: RunningShop, product: int) -> AsyncIterator[None]:
    """For as long as the block lasts, products cannot write down a reservation of that product."""
    check = f"CHECK (product_id IS DISTINCT FROM {product}) NOT VALID"
    await _alter(shop, f"ADD CONSTRAINT poison {check}")
    try:
        yield
    finally:
        await _alter(shop, "DROP CONSTRAINT poison")


async def _alter(shop: RunningShop, change: str) -> None:
    connection = await asyncpg.connect(shop.layout.service_url("products"))
    await connection.execute(f"ALTER TABLE reservations {change}")
    await connection.close()


async def dead_of(shop: RunningShop, order: Any) -> Letter:
    async def there() -> Letter | None:
        found = [one for one in await read_letters(shop.layout) if one.aggregate == order["id"]]
        return found[0] if found else None

    letter = await eventually(there, within=30)
    assert letter is not None
    return letter


async def requeued(shop: RunningShop, *letters: Letter) -> list[Outcome]:
    await requeue(shop.layout, letters)
    return await settled(shop.layout, letters, 30)


async def test_an_order_whose_event_died_is_confirmed_once_it_is_requeued(shop: RunningShop) -> None:
    dead_letters, product = await shop.dead_letters(), await shop.product(stock=10)
    async with choking_on(shop, product):
        orders = [(await shop.place(product, wait=None))[1] for _ in range(5)]
        letters = [await dead_of(shop, order) for order in orders]
        (failed,) = await requeued(shop, letters[0])
        assert (failed.became, failed.attempts) == ("failed", letters[0].attempts + 1)
        _, other = await shop.place()
        assert other["status"] == "confirmed", "others go on"

    assert {one.became for one in await requeued(shop, *letters)} == {"handled"}

    assert {(await shop.settled(order["id"]))["status"] for order in orders} == {"confirmed"}
    await shop.stock_becomes(product, 5)
    assert await shop.dead_letters() == dead_letters
    assert findings(await shop.audit()) == []


async def test_an_order_that_was_cancelled_meanwhile_stays_cancelled_and_takes_no_stock(shop: RunningShop) -> None:
    product = await shop.product(stock=10)
    async with choking_on(shop, product):
        _, order = await shop.place(product, wait=None)
        letter = await dead_of(shop, order)
    await shop.cancel(order["id"])
    assert (await shop.settled(order["id"]))["status"] == "cancelled"

    (done,) = await requeued(shop, letter)

    assert done.became == "handled"
    result = await shop.audit()
    assert findings(result) == []
    assert await shop.stock(product) == 10
    assert (await shop.get("orders", f"/orders/{order['id']}"))["status"] == "cancelled"


async def test_what_is_requeued_while_its_consumer_is_down_waits_for_it(shop: RunningShop) -> None:
    product = await shop.product(stock=10)
    async with choking_on(shop, product):
        _, order = await shop.place(product, wait=None)
        letter = await dead_of(shop, order)
    async with shop.away("products", "products-1"):
        await requeue(shop.layout, [letter])
        (waiting,) = await settled(shop.layout, [letter], 0)
        assert waiting.became == "waiting"
        assert absent(letter, read_state(shop.on.home)) in ("products is stopped", "products is down")
    assert absent(letter, read_state(shop.on.home)) is None

    (done,) = await settled(shop.layout, [letter], 30)

    assert done.became == "handled"
    assert (await shop.settled(order["id"]))["status"] == "confirmed"


async def test_kill_9_of_everybody_who_handles_what_was_requeued_loses_and_repeats_nothing(shop: RunningShop) -> None:
    product = await shop.product(stock=100)
    async with choking_on(shop, product):
        orders = [(await shop.place(product, wait=None))[1] for _ in range(40)]
        letters = [await dead_of(shop, order) for order in orders]
    await requeue(shop.layout, letters)
    for name in ("products", "products-1"):
        pid = shop.pid(name)
        await shop.on.supervisor.kill(name)
        await shop.restarted(name, pid)

    assert {one.became for one in await settled(shop.layout, letters, 60)} == {"handled"}

    assert {(await shop.settled(order["id"]))["status"] for order in orders} == {"confirmed"}
    await shop.stock_becomes(product, 60)
    assert findings(await shop.audit()) == []
