"""The chain with circuit breakers, as processes: the lab of the training text with both of its time limits,
and a service that is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from lab.audit import Audit
from lab.supervision import read_state
from lab.watching.breakers import breakers, states_in
from lab.watching.status import status
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, findings
from tests.end_to_end.test_chain import shelf_is_locked
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

SLOW = {"SHOP_INJECT_DELAY_MS": "400", "SHOP_INJECT_DELAY_JITTER_MS": "220"}
"""The text's ``400 + rand * 220`` ms."""
CLOSED = {"orders": {"products": "closed", "delivery": "closed"}, "delivery": {"products": "closed"}}
CHANGES, REPEATED = "calls_breaker_changes_total", "calls_repeated_total"
NO_KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    async with opened("chain-breaker", 1, SHOP_BREAKER_OPEN_SECONDS="1", **NO_KAFKA) as shop:
        yield shop


async def restarted(shop: RunningShop, service: str, **environment: str) -> None:
    """The service again, told something else."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*SLOW, "SHOP_CALL_LIMIT_MS"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        await shop.on.supervisor.stop(service)
        await shop.on.supervisor.start(service)


async def figure(shop: RunningShop, service: str, name: str) -> float:
    """The sum of a metric over its labels."""
    async with shop.http.get(f"{shop.layout.http(service)}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


async def statuses(shop: RunningShop, orders: int, at_once: int = 4, **order: Any) -> Counter[int]:
    """Places so many orders, a few at a time; the answers by status."""
    counted: Counter[int] = Counter()
    for _ in range(orders // at_once):
        answers = await asyncio.gather(*(shop.place(wait=None, **order) for _ in range(at_once)))
        counted.update(status for status, _ in answers)
    return counted


def noticed(result: Audit, rule: str) -> set[str]:
    (check,) = (check for check in result.checks if check.rule == rule)
    return set(check.found)


async def settled(shop: RunningShop) -> None:
    async def nothing_is_open() -> bool:
        return not await shop.rows("orders", "SELECT 1 FROM orders WHERE status IN ('pending', 'cancelling') LIMIT 1")

    await eventually(nothing_is_open, within=60, every=0.1)


async def test_the_labs_610_ms_let_some_calls_fail_and_every_circuit_stays_closed(shop: RunningShop) -> None:
    await restarted(shop, "products", **SLOW)
    for service in ("orders", "delivery"):
        await restarted(shop, service, SHOP_CALL_LIMIT_MS="610")

    async def some_failed_and_no_circuit_opened() -> bool:
        """Of 40 orders. Where others keep the machine busy, more calls are late than the lab means to be."""
        opened, failed = await figure(shop, "orders", CHANGES), await figure(shop, "orders", REPEATED)
        answers = await statuses(shop, 40)
        assert set(answers) <= {201, 202}, answers
        return (
            await figure(shop, "orders", REPEATED) > failed
            and await figure(shop, "orders", CHANGES) == opened
            and await breakers(shop.layout) == CLOSED
        )

    await eventually(some_failed_and_no_circuit_opened, within=150)


async def test_its_300_ms_open_them_and_customers_are_answered_all_the_same_and_sooner(shop: RunningShop) -> None:
    for service in ("orders", "delivery"):
        await restarted(shop, service, SHOP_CALL_LIMIT_MS="300", SHOP_BREAKER_OPEN_SECONDS="3600")

    await statuses(shop, 48, at_once=8)
    assert (await breakers(shop.layout))["orders"] == {"products": "open", "delivery": "open"}
    async with asyncio.timeout(5):
        answers = [await shop.place(wait=None) for _ in range(10)]
    assert {status for status, _ in answers} == {202}
    assert all(order["priceSeenAt"] and order["promisedAt"] for _, order in answers)
    never_seen = await shop.place(4, wait=None)
    assert (never_seen[0], never_seen[1]["type"]) == (503, "urn:shop:problem:link-failed")


async def test_when_products_is_quick_again_promises_are_kept_and_the_books_are_right(shop: RunningShop) -> None:
    for service in ("products", "orders", "delivery"):
        await restarted(shop, service)
    await settled(shop)
    result = await shop.audit()
    assert findings(result) == []
    assert noticed(result, "broken promises") == set()
    assert noticed(result, "orders at the last price seen")
    assert await breakers(shop.layout) == CLOSED


async def test_while_products_is_down_orders_are_accepted_and_a_promise_beyond_the_stock_is_told_as_broken(
    shop: RunningShop,
) -> None:
    number = await shop.product(stock=3)
    assert (await shop.place(number))[0] == 201
    shop.on.supervisor.pause_restarts("products")
    await shop.on.supervisor.kill("products")
    try:
        promised = [await shop.place(number, wait=None) for _ in range(4)]
    finally:
        await shop.on.supervisor.resume_restarts("products")

    assert [status for status, _ in promised] == [202] * 4
    ends = [(await shop.settled(order["id"], within=60))["status"] for _, order in promised]
    assert sorted(ends) == ["confirmed", "confirmed", "rejected", "rejected"]
    assert await shop.stock(number) == 0
    result = await shop.audit()
    assert findings(result) == []
    rejected = {order["id"] for (_, order), end in zip(promised, ends, strict=True) if end == "rejected"}
    assert noticed(result, "broken promises") == rejected
    assert await figure(shop, "orders", "orders_promises_broken_total") == 2
    run = read_state(shop.on.home)
    assert run is not None
    shown = await status(shop.layout, run)
    assert (shown["promises"]["open"], shown["promises"]["broken"]) == (0, 2)
    assert shown["breakers"].keys() == {"orders", "delivery"}


async def test_orders_that_dies_keeps_what_it_promised(shop: RunningShop) -> None:
    shop.on.supervisor.pause_restarts("delivery")
    await shop.on.supervisor.kill("delivery")
    try:
        answered, order = await shop.place(wait=None)
        pid = shop.pid("orders")
        await shop.on.supervisor.kill("orders")
        await shop.restarted("orders", pid)
    finally:
        await shop.on.supervisor.resume_restarts("delivery")
    assert answered == 202
    assert (await shop.settled(order["id"], within=60))["status"] == "confirmed"
    assert findings(await shop.audit()) == []


async def test_work_that_was_begun_and_not_answered_is_asked_about_until_the_order_is_settled(
    shop: RunningShop,
) -> None:
    number = await shop.product(stock=10)
    async with shelf_is_locked(shop, number):
        status, order = await shop.place(number, 3, wait=None)
    assert (status, order["status"]) == (202, "pending")
    assert (await shop.settled(order["id"], within=60))["status"] == "confirmed"
    assert await shop.stock(number) == 7
    assert findings(await shop.audit()) == []


async def test_states_are_in_the_metrics_of_the_services(shop: RunningShop) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{shop.layout.http('delivery')}/metrics") as response:
        assert states_in(await response.text()) == {"products": "closed"}
