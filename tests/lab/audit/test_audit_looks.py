"""When the audit looks: after quiet, under load, and twice."""

import asyncio
from typing import Any

from lab.audit import audit
from lab.audit.quiet import wait_until_quiet
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


async def test_orders_that_grow_old_are_no_arrivals(shop: Shop) -> None:
    """One stuck order and many that were placed up to a minute ago: the load is over, and this is not at rest."""
    for tenth in range(60):
        await shop.place("confirmed", "reserved", "started", age=59.9 - tenth / 10)
    stuck = await shop.place("pending", age=60)
    result = await audit(shop.databases, deadline=3.5, pause=0.05)
    assert not result.live
    assert result.checks[0].found == {"orders": "1 not settled"}
    assert stuck in next(check for check in result.checks if "settled" in check.rule).found


async def test_who_knows_that_the_load_is_over_is_never_told_of_one(shop: Shop) -> None:
    await shop.place("pending", age=60)
    stop = asyncio.Event()

    async def customers() -> None:
        while not stop.is_set():
            await shop.place("confirmed", "reserved", "started", age=0)

    load = asyncio.create_task(customers())
    try:
        found = await wait_until_quiet(shop.databases, None, deadline=3.5, load_is_over=True)
    finally:
        stop.set()
        await load
    assert not found.live
    assert found.waited_seconds >= 3.5


async def test_changes_are_told_last_when_it_is_quiet_but_not_while_nothing_changes(shop: Shop) -> None:
    order = await shop.place("pending", "reserved", "started")
    changes: list[str] = []
    first_look = asyncio.Event()

    def change() -> None:
        changes.append("change")
        first_look.set()

    async def settle_after_the_first_look() -> None:
        await first_look.wait()
        await shop.run("orders", "UPDATE orders SET status = 'confirmed' WHERE id = $1::uuid", order)

    settling = asyncio.create_task(settle_after_the_first_look())
    await wait_until_quiet(shop.databases, None, deadline=10, on_change=change)
    await settling
    assert len(changes) == 2
    await shop.place("pending")
    changes.clear()
    await wait_until_quiet(shop.databases, None, deadline=0.5, on_change=change)
    assert len(changes) == 1


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
