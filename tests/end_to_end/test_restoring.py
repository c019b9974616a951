"""A service's database is restored to an older state while the shop goes on, recovered, and the shop adds up."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from lab.running.layout import SERVICES
from lab.running.specs import environment, package
from tests.backup import Backup
from tests.containers.engine import free_ports
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, findings

pytestmark = [pytest.mark.campaign, pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    names = ("SHOP_ORDERS_PORT", "SHOP_PRODUCTS_PORT", "SHOP_DELIVERY_PORT")
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))  # which nobody takes while one is away
    async with opened("events", 1, SHOP_PENDING_TIMEOUT_SECONDS="120", **ports) as shop:
        yield shop


@pytest.mark.parametrize("service", SERVICES)
async def test_a_restored_service_knows_again_what_it_had_announced(shop: RunningShop, service: str) -> None:
    number = await shop.product(stock=100)
    before = await live_a_little(shop, number)
    sql = await asyncpg.connect(shop.layout.service_url(service))
    backup = await Backup.take(sql)
    since = await live_a_little(shop, number)
    changed = await shop.product(stock=3)
    assert findings(await shop.audit()) == []
    known = {order_id: await told(shop, order_id) for order_id in before + since}
    stock = [await shop.stock(each) for each in (number, changed)]

    processes = [service, *(shop.layout.read_models if service == "orders" else ())]
    async with shop.away(*processes):
        await live_on(shop, service, number)
        await backup.restore()
        await recover(shop, service)
        await sql.close()

    result = await shop.audit(deadline=120)
    assert findings(result) == []
    assert {order_id: await told(shop, order_id) for order_id in known} == known
    if service != "orders":
        stock[0] -= 1
    assert [await shop.stock(each) for each in (number, changed)] == stock
    status, order = await shop.place(number)
    assert (status, order["status"]) == (201, "confirmed")
    assert sum((await shop.dead_letters()).values()) == 0


async def live_a_little(shop: RunningShop, number: int) -> list[str]:
    """Orders of every fate: confirmed, delivered, cancelled, refused to be cancelled, rejected. Their ids."""
    placed = [(await shop.place(number, quantity=quantity))[1]["id"] for quantity in (1, 2, 3, 4)]
    rejected = (await shop.place(number, quantity=1000, wait=None))[1]["id"]
    await shop.settled(rejected)
    _, delivered, undone, refused = placed
    for order_id in (delivered, refused):
        (delivery,) = await shop.deliveries(order_id)
        await shop.post("delivery", f"/deliveries/{delivery['deliveryId']}/complete")
    for order_id in (undone, refused):
        await shop.cancel(order_id)
        await shop.settled(order_id)
    return [*placed, rejected]


async def live_on(shop: RunningShop, service: str, number: int) -> None:
    """What happens while a service is away: somebody orders, unless it is orders that is away."""
    if service != "orders":
        status, _ = await shop.place(number, wait=None)
        assert status == 202


async def told(shop: RunningShop, order_id: str) -> tuple[str, int, list[str]]:
    """What a customer is told of an order: its status, its version, and the states of its deliveries."""
    order = await shop.get("orders", f"/orders/{order_id}")
    return order["status"], order["version"], [each["state"] for each in await shop.deliveries(order_id)]


async def recover(shop: RunningShop, service: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        package(service),
        "recover",
        env={**os.environ, **environment(shop.layout, service)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    print(output.decode())
    assert process.returncode == 0
    assert b"aggregates put back" in output
