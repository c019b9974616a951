"""The lab of the training text, as ``docs/wirings/chain-mesh.md`` walks through it: real Envoys beside the services,
the text's load, first without its DestinationRule, then with it, then with products broken."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.mesh.sidecars import sidecar_spec
from lab.supervision import read_state
from lab.watching.mesh import Upstream, mesh, sidecar_stats
from lab.watching.status import is_well, status
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, findings, found
from tests.end_to_end.test_chain import reservations, shelf_is_locked
from tests.freezing import frozen
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

EJECTION_SECONDS = 12.0
"""Instead of 30, so that the test ends sooner; ``tests/lab/mesh`` holds the shop to 30."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    """Begins without the breaker. No Kafka: nobody listens at that address."""
    told = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "SHOP_MESH_EJECTION_SECONDS": str(EJECTION_SECONDS)}
    async with opened("chain-mesh", 1, SHOP_MESH_BREAKER="off", **told) as shop:
        yield shop


async def apply_the_destination_rule(shop: RunningShop) -> None:
    """The sidecars that ask products start again with it; the services do not notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SHOP_MESH_BREAKER")
        for process in ("orders", "delivery"):
            spec = sidecar_spec(shop.layout, process)
            await shop.on.supervisor.remove(spec.name)
            await shop.on.supervisor.add(spec)


async def siege(shop: RunningShop, users: int, seconds: float) -> dict[str, int]:
    """``siege -c{users} -t{seconds}S``: so many users, each with its next order as soon as the last one is answered.
    The answers by status."""
    with tempfile.TemporaryDirectory() as folder:
        url, records = f"{shop.layout.http('orders')}/orders", str(Path(folder) / "records.csv")
        load = await Load.start(LoadPlan(url=url, run="siege", records=records, concurrency=users, seconds=seconds))
        return (await load.result()).statuses


async def seen(shop: RunningShop, process: str = "orders") -> Upstream:
    """Products as the sidecar of that process sees it."""
    return Upstream(**(await mesh(shop.layout))[process]["products"])


async def arrived(shop: RunningShop) -> int:
    """How many requests have come to products' own sidecar."""
    stats = await sidecar_stats(shop.http, shop.layout.sidecars["products"]["admin"])
    return stats["http.inbound.downstream_rq_total"]


@asynccontextmanager
async def hung(shop: RunningShop, service: str) -> AsyncIterator[None]:
    """Within the block the process is there and does nothing."""
    pid = shop.pid(service)
    assert pid is not None
    with frozen(pid):
        yield


async def test_an_order_passes_the_envoys_of_all_three_services(shop: RunningShop) -> None:
    assert (await shop.place(wait=None))[0] == 201

    for process, ports in shop.layout.sidecars.items():
        stats = await sidecar_stats(shop.http, ports["admin"])
        assert stats["http.inbound.downstream_rq_2xx"] >= 1, process
        for peer in ("products", "delivery"):
            if peer in ports:
                assert stats[f"cluster.{peer}.upstream_rq_completed"] >= 1, f"{process} to {peer}"


async def test_without_the_breaker_every_order_of_two_users_is_a_201(shop: RunningShop) -> None:
    answers = await siege(shop, users=2, seconds=10)

    assert set(answers) == {"201"}, answers


async def test_with_it_some_orders_of_three_users_are_a_503_and_all_others_a_201(shop: RunningShop) -> None:
    await apply_the_destination_rule(shop)

    async def some_were_too_many() -> bool:
        answers = await siege(shop, users=3, seconds=10)
        assert set(answers) <= {"201", "503"}, answers
        assert answers["201"] > 0
        return "503" in answers

    await eventually(some_were_too_many, within=120)
    assert (await seen(shop)).overflowed + (await seen(shop, "delivery")).overflowed > 0


async def test_an_order_refused_for_too_many_at_once_leaves_nothing_behind(shop: RunningShop) -> None:
    assert findings(await shop.audit()) == []


async def test_broken_products_is_ejected_gets_no_traffic_and_is_back_after_the_ejection_time(
    shop: RunningShop,
) -> None:
    began = time.monotonic()
    async with hung(shop, "products"):
        slow = [(await shop.place(wait=None))[0] for _ in range(5)]
        ejected, before = await seen(shop), await arrived(shop)
        refused = [(await shop.place(wait=None))[0] for _ in range(3)]
        state = read_state(shop.on.home)
        assert state is not None
        said = await status(shop.layout, state)

    assert slow == [504] * 5
    assert (ejected.ejected, ejected.hosts) == (1, 1)
    assert refused == [503] * 3
    assert await arrived(shop) == before
    assert said["alarms"] == ["the mesh has ejected 1 of 1 hosts on the link of orders to products"]
    assert not is_well(said)

    assert (await shop.get("products", "/products/2"))["id"] == 2, "products answers again"
    assert (await shop.place(wait=None))[0] == 503, "but nobody who asks through the mesh is let through"

    async def is_let_through() -> bool:
        return bool((await shop.place(wait=None))[0] == 201)

    await eventually(is_let_through, within=60, every=0.5)
    assert time.monotonic() - began > EJECTION_SECONDS
    assert (await seen(shop)).ejected == 0


async def test_a_try_that_takes_too_long_is_cut_off_not_repeated_and_the_audit_names_what_it_left(
    shop: RunningShop,
) -> None:
    number = await shop.product(stock=10)
    before = found(await shop.audit())

    async with shelf_is_locked(shop, number):
        status_code, problem = await shop.place(number, 3, wait=None)
    await shop.stock_becomes(number, 7)

    assert (status_code, problem["type"]) == (504, "urn:shop:problem:link-failed")
    stats = await sidecar_stats(shop.http, shop.layout.sidecars["delivery"]["admin"])
    assert stats["cluster.products.upstream_rq_per_try_timeout"] == 1
    assert stats["cluster.products.upstream_rq_retry"] == 0
    assert found(await shop.audit()) - before == {("rejected, cancelled: no stock held", problem["orderId"])}
    assert await reservations(shop, problem["orderId"]) == [("reserved", 3)]


async def test_products_that_is_killed_is_a_503_and_no_order_is_made(shop: RunningShop) -> None:
    shop.on.supervisor.pause_restarts("products")
    await shop.on.supervisor.kill("products")
    try:
        answers = await asyncio.gather(*(shop.place(customer="early", wait=None) for _ in range(2)))
    finally:
        await shop.on.supervisor.resume_restarts("products")

    assert {status_code for status_code, _ in answers} == {503}
    assert (await shop.get("orders", "/orders?customerId=early"))["items"] == []
    assert (await shop.place(wait=None))[0] == 201
