"""When the audit looks: after quiet, under load, and twice."""

import asyncio
from typing import Any

from lab.audit import audit
from lab.audit.report import Check
from tests.lab.audit.planted import Shop


async def test_it_waits_until_what_moves_has_come_to_rest(shop: Shop) -> None:
    order = await shop.place("pending", "reserved", "started")

    async def settle_soon() -> None:
        await asyncio.sleep(0.5)
        await shop.run("orders", "UPDATE orders SET status = 'confirmed' WHERE id = $1::uuid", order)

    settling = asyncio.create_task(settle_soon())
    result = await audit(shop.databases, deadline=10, pause=0.05)
    await settling
    assert result.clean
    assert 0.4 < result.waited_seconds < 3


async def test_events_that_no_consumer_has_handled_are_not_quiet(shop: Shop) -> None:
    async def lag() -> int:
        return 3

    result = await audit(shop.databases, lag, deadline=0.1, pause=0.05)
    assert result.checks[0].found == {"consumers": "3 events not handled"}


async def test_a_suspicion_that_is_gone_at_the_second_look_is_no_finding(shop: Shop, monkeypatch: Any) -> None:
    order = await shop.place("confirmed", "reserved")
    pause = asyncio.sleep

    async def deliver_meanwhile(seconds: float) -> None:
        await shop.run(
            "delivery",
            "INSERT INTO deliveries (order_id, state, product_id, quantity) VALUES ($1::uuid, 'started', 1, 2)",
            order,
        )
        await pause(seconds)

    monkeypatch.setattr("lab.audit.auditing.sleep", deliver_meanwhile)
    assert (await audit(shop.databases, deadline=0.1, pause=0.05)).clean


async def test_under_load_young_orders_are_in_flight_and_old_ones_are_judged(shop: Shop) -> None:
    stuck = await shop.place("pending", age=60)
    stop = asyncio.Event()

    async def customers() -> None:
        while not stop.is_set():
            await shop.place("pending", age=0)
            await asyncio.sleep(0.05)

    load = asyncio.create_task(customers())
    try:
        result = await audit(shop.databases, deadline=30, cut=10, pause=0.1)
    finally:
        stop.set()
        await load
    assert result.live
    assert result.counts["in_flight"] > 10
    assert [check.found.keys() for check in result.checks if check.count] == [{stuck}]
    assert result.waited_seconds < 10, "it does not wait for a quiet that never comes"


async def test_under_load_a_copy_may_be_ahead_of_what_products_was_before(shop: Shop) -> None:
    from lab.audit.databases import snapshot
    from lab.audit.product_copy import copy_equals_products, products_state

    async with snapshot(shop.databases) as at:
        before = await products_state(at)
    await shop.run("orders", "UPDATE product_copy SET version = 5, stock = 1 WHERE product_id = 1")
    async with snapshot(shop.databases) as at:
        assert (await copy_equals_products(at, before, live=True)).count == 0
        assert (await copy_equals_products(at, before, live=False)).count == 1


def test_only_what_both_looks_found_stands() -> None:
    first, second = Check("r"), Check("r")
    first.add("a", "then")
    first.add("b", "then")
    second.add("b", "now")
    second.add("c", "now")
    assert first.confirmed_by(second).found == {"b": "now"}
