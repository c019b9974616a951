"""Every kind of fault bites, and is undone however it ends: a real shop on servers of its own."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio

from kit.settings import Wiring
from lab.comparing.faults import Hit, Stage, absent, strike
from lab.comparing.faults.crash import await_crash
from lab.comparing.rounds import Rounds
from lab.comparing.scenarios import Fault
from lab.comparing.scenarios.scenario import Target
from lab.comparing.schedule import Planned
from lab.comparing.settings import CompareSettings
from lab.running.shop import Ground, stop_services
from lab.supervision.state import Phase
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop
from tests.lab.comparing.effects import missing
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
PATIENCE = 120.0
KAFKA_DOWN = CompareSettings(
    wirings=("events",), scenarios=("kafka-down",), rate=20, seconds=4, warmup_seconds=0.5, rounds=1, fault_seconds=2
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[RunningShop]:
    async with opened("events", 1) as shop:
        yield shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on(shop: RunningShop) -> Ground:
    """Where rounds run. Tests that need it come last: from here on the shop's own services are stopped."""
    await stop_services(shop.on.supervisor, shop.layout)
    return shop.on


@pytest.fixture
def stage(shop: RunningShop) -> Stage:
    return Stage(shop.on.supervisor, shop.layout)


def fault(kind: Any, target: Target, seconds: float = 600, **more: Any) -> Fault:
    return Fault(kind=kind, target=target, at_seconds=0, seconds=seconds, **more)


def struck(one: Fault, stage: Stage) -> "asyncio.Task[Hit | None]":
    """The fault hits now."""
    return asyncio.create_task(strike(one, stage, at=time.time(), until=time.time() + 600))


async def cancelled(task: "asyncio.Task[Hit | None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def is_open(shop: RunningShop) -> bool:
    """Whether an order is accepted and confirmed."""
    try:
        status, _ = await shop.place(wait=5)
    except (aiohttp.ClientError, OSError):
        return False
    return bool(status == 201)


async def opens(shop: RunningShop) -> None:
    await eventually(lambda: is_open(shop), within=PATIENCE, every=0.2)


def pid_of(shop: RunningShop, process: str) -> int:
    (pid,) = (state.pid for state in shop.on.supervisor.states if state.name == process)
    assert pid is not None
    return pid


@pytest.mark.parametrize("target", ["delivery", "orders-worker"])
async def test_what_is_killed_is_down_and_comes_back(shop: RunningShop, stage: Stage, target: Target) -> None:
    process = stage.process(target)
    assert process is not None
    before = pid_of(shop, process)
    hitting = struck(fault("kill", target, seconds=1), stage)
    await eventually(lambda: stage.phase(process) is Phase.DOWN, within=PATIENCE)
    hit = await hitting
    assert hit is not None
    assert (hit.kind, hit.target) == ("kill", target)
    assert hit.ended_at - hit.began_at >= 1
    assert stage.phase(process) is Phase.READY
    assert pid_of(shop, process) != before


@pytest.mark.parametrize("target", ["orders-worker", "kafka", "postgres"])
async def test_what_is_killed_comes_back_when_the_fault_is_cancelled(
    shop: RunningShop, stage: Stage, target: Target
) -> None:
    process = stage.process(target)
    assert process is not None
    hitting = struck(fault("kill", target), stage)
    await eventually(lambda: stage.phase(process) is Phase.DOWN, within=PATIENCE)
    await cancelled(hitting)
    assert stage.phase(process) is Phase.READY
    await opens(shop)


async def test_what_hangs_answers_nobody_until_it_is_woken(shop: RunningShop, stage: Stage) -> None:
    hitting = struck(fault("hang", "products", seconds=1), stage)
    worker = psutil.Process(pid_of(shop, "products"))
    await eventually(lambda: worker.status() == psutil.STATUS_STOPPED, within=PATIENCE)
    hit = await hitting
    assert hit is not None
    assert hit.ended_at - hit.began_at >= 1
    assert stage.phase("products") is Phase.READY
    await opens(shop)


async def test_what_hangs_is_woken_when_the_fault_is_cancelled(shop: RunningShop, stage: Stage) -> None:
    hitting = struck(fault("hang", "delivery"), stage)
    worker = psutil.Process(pid_of(shop, "delivery"))
    await eventually(lambda: worker.status() == psutil.STATUS_STOPPED, within=PATIENCE)
    await cancelled(hitting)
    assert worker.status() != psutil.STATUS_STOPPED
    await opens(shop)


@pytest.mark.parametrize("end", ["itself", "cancelled"])
async def test_a_bad_version_fails_and_is_rolled_back(shop: RunningShop, stage: Stage, end: str) -> None:
    bad = fault("deploy", "products", 2 if end == "itself" else 600, told={"SHOP_INJECT_ERROR_RATE": "1"})
    hitting = struck(bad, stage)

    async def fails() -> bool:
        try:
            return "injected" in str(await shop.get("products", "/products/2"))
        except (aiohttp.ClientError, OSError):
            return False

    await eventually(fails, within=PATIENCE, every=0.05)
    if end == "itself":
        status, _ = await shop.place(wait=None)
        assert status == 202
        assert await hitting is not None
    else:
        await cancelled(hitting)
    assert not await fails()
    await opens(shop)

    async def letters() -> int:
        return len(await shop.rows("products", "SELECT 1 FROM dead_letters"))

    if end == "itself":
        await eventually(lambda: none(letters), within=PATIENCE, every=0.1)


async def none(count: Any) -> bool:
    return bool(await count() == 0)


@pytest.mark.parametrize("end", ["itself", "cancelled"])
async def test_prices_change_and_are_set_back(shop: RunningShop, stage: Stage, end: str) -> None:
    async def price() -> int:
        found: int = (await shop.get("products", "/products/2"))["price"]
        return found

    before = await price()
    hitting = struck(fault("prices", "products", 2 if end == "itself" else 600, per_second=20), stage)

    async def changed() -> bool:
        return await price() != before

    await eventually(changed, within=PATIENCE)
    if end == "itself":
        hit = await hitting
        assert hit is not None
        assert hit.count is not None
        assert hit.count > 0
    else:
        await cancelled(hitting)
    assert await price() == before


@pytest.mark.parametrize("end", ["itself", "cancelled"])
async def test_what_died_of_itself_is_started_again(shop: RunningShop, stage: Stage, end: str) -> None:
    dies = asyncio.create_task(await_crash(stage, until=time.time() + 600, seconds=1 if end == "itself" else 600))
    await asyncio.sleep(0)  # it has to look before there is something to see
    os.kill(pid_of(shop, "orders"), signal.SIGKILL)
    await eventually(lambda: stage.phase("orders") is Phase.DOWN, within=PATIENCE)
    if end == "itself":
        hit = await dies
        assert hit is not None
        assert (hit.kind, hit.target) == ("crash", "orders")
    else:
        await cancelled(dies)
    assert stage.phase("orders") is Phase.READY
    await opens(shop)


async def test_a_coordinator_that_lives_on_is_no_hit(stage: Stage) -> None:
    assert await await_crash(stage, until=time.time(), seconds=1) is None
    assert stage.phase("orders") is Phase.READY


async def test_nothing_is_done_to_what_a_wiring_does_not_have(shop: RunningShop) -> None:
    chain = Stage(shop.on.supervisor, replace(shop.layout, wiring="chain", read_models=()))
    worker = fault("kill", "orders-worker")
    assert absent(worker, chain) == "chain has no orders worker: nothing was done"
    assert await strike(worker, chain, at=time.time(), until=time.time() + 1) is None


async def test_events_confirm_all_orders_though_kafka_was_down(on: Ground) -> None:
    one = await round_of(on, KAFKA_DOWN)
    assert one["invalid"] is None
    assert one["load"]["accepted"] == one["load"]["offered"] == 80, "accepting needs no Kafka"
    assert one["outcomes"] == {"confirmed": 80}
    assert one["audit"]["findings"] == 0, one["audit"]
    (hit,) = one["faults"]
    assert (hit["kind"], hit["target"]) == ("kill", "kafka")
    assert hit["ended_at"] - hit["began_at"] >= 2
    assert one["outage"] is None, "no service was away"


@pytest.mark.parametrize(
    ("scenario", "wiring"), [("products-slow", "chain"), ("products-hang", "chain"), ("orders-worker-hang", "events")]
)
async def test_a_round_shows_what_was_done_to_it(on: Ground, scenario: str, wiring: Wiring) -> None:
    one = await round_of(on, replace(KAFKA_DOWN, scenarios=(scenario,), wirings=(wiring,), seconds=2, fault_seconds=4))
    assert one["invalid"] is None
    assert missing(one) == [], (one["outcomes"], one["load"]["accept_latency"], one["staleness"])


async def round_of(on: Ground, settings: CompareSettings) -> dict[str, Any]:
    async with Rounds(on, settings, settings.chosen()) as rounds:
        return await rounds.round(Planned(settings.scenarios[0], settings.wirings[0], 1))
