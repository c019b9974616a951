"""One round: a fresh shop of one wiring, one load, perhaps a fault, rest, audit, figures."""

import asyncio
import tempfile
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kit.settings import Wiring
from lab.audit import Audit, audit
from lab.audit.quiet import wait_until_quiet
from lab.comparing.accounting import Accounting, cpu_figures
from lab.comparing.faults import Outage, await_crash, take_down
from lab.comparing.outcomes import known_orders, outcomes, settled_rate
from lab.comparing.scenarios import COORDINATOR_AWAY, prepared, surviving
from lab.comparing.settings import CompareSettings
from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.load.records import read_records
from lab.load.result import LoadResult
from lab.running.cpu import CpuUse
from lab.running.lag import Lag
from lab.running.layout import Layout
from lab.running.prepare import declare_topics, migrate, prepare_databases, remove, seed
from lab.running.shop import Ground, start_services, stop_services
from lab.running.specs import service_spec
from lab.watching.products import put_up

START_DELAY = 1.0
"""Seconds between starting the generator and its first order: its own start-up is not the shop's business."""


@dataclass(frozen=True)
class Planned:
    """One round to run. ``concurrency`` is 0 for open loops; ``step`` is where a coordinator is killed, if it is."""

    scenario: str
    wiring: Wiring
    number: int
    concurrency: int = 0
    step: str = ""


class Rounds:
    """Runs rounds on given ground. Entering makes the migrated and seeded databases that each round gets copies of,
    leaving removes them. Nothing of a round survives it but its figures."""

    def __init__(self, on: Ground, settings: CompareSettings) -> None:
        self._on, self._settings = on, settings
        self._template = on.layout("template", "events", "shop-compare-template", usual_ports=False)
        self._run = f"{int(time.time()):x}"
        self._count = 0

    async def __aenter__(self) -> "Rounds":
        await remove(self._template)
        await prepare_databases(self._template)
        await migrate(self._template)
        await seed(self._template)
        return self

    async def __aexit__(self, *_: object) -> None:
        await remove(self._template)

    async def round(self, planned: Planned) -> dict[str, Any]:
        """The figures of one round, JSON-ready. Raises SupervisionError, ShopError, LoadFailed."""
        self._count += 1
        scenario, wiring = planned.scenario, planned.wiring
        name = f"r{self._run}_{self._count}_{wiring}"
        prefix = f"shop-compare-{self._run}-{self._count}"
        held = self._settings.hold_transaction
        plain = self._on.layout(name, wiring, prefix, usual_ports=False, hold_transaction=held)
        before = self._settings.rate * (self._settings.warmup_seconds + self._settings.seconds / 5)
        layout = prepared(plain, scenario, planned.step, orders_before=before)
        supervisor = self._on.supervisor
        async with AsyncExitStack() as stack:
            stack.push_async_callback(remove, layout)
            await asyncio.gather(prepare_databases(layout, self._template), declare_topics(layout))
            stack.push_async_callback(stop_services, supervisor, layout)
            await start_services(supervisor, layout, lambda _: None)
            lag = await stack.enter_async_context(Lag(layout)) if wiring == "events" else None
            accounts = await stack.enter_async_context(Accounting(supervisor))
            records = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "records.csv"
            plan = self._plan(layout, records, scenario, planned.concurrency)
            if planned.step:
                plan = replace(plan, products=(*plan.products, await put_up(layout, stock=0)))
            result, outage = await self._load(plan, planned, surviving(layout), accounts)
            behind, deadline = lag.total if lag else None, self._settings.quiet_deadline
            used = [accounts.use()]
            stillness = await wait_until_quiet(
                layout.audited(),
                behind,
                deadline=deadline,
                load_is_over=True,
                on_change=lambda: used.append(accounts.use()),
            )
            use = used[-1]  # until the last order settled; waiting in vain and the audit are not the shop's work
            found = await audit(layout.audited(), deadline=deadline, pause=1.0, stillness=stillness)
            figures = await self._figures(layout, plan, result, found, use)
            return {
                "scenario": scenario,
                "wiring": wiring,
                "round": planned.number,
                "concurrency": planned.concurrency,
                "step": planned.step,
                "outage": None if outage is None else asdict(outage),
                **figures,
            }

    def _plan(self, layout: Layout, records: Path, scenario: str, concurrency: int) -> LoadPlan:
        settings = self._settings
        plan = LoadPlan(
            url=f"{layout.http('orders')}/orders",
            run=layout.name,
            records=str(records),
            rate=settings.rate,
            seconds=settings.measured_seconds(scenario),
            warmup_seconds=settings.warmup_seconds,
            arrivals="poisson" if settings.arrivals == "poisson" else "constant",
            products=settings.products,
            start_at=time.time() + START_DELAY,
        )
        return replace(plan, rate=0.0, concurrency=concurrency) if concurrency else plan

    async def _load(
        self, plan: LoadPlan, planned: Planned, plain: Layout, accounts: Accounting
    ) -> tuple[LoadResult, Outage | None]:
        load = await Load.start(plan)
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(load.result())]
        if fault := self._fault(plan, planned, plain, accounts):
            tasks.append(asyncio.create_task(fault))
        try:
            result, *outages = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await load.stop()
        return result, outages[0] if outages else None

    def _fault(
        self, plan: LoadPlan, planned: Planned, plain: Layout, accounts: Accounting
    ) -> Coroutine[Any, Any, Outage | None] | None:
        assert plan.start_at is not None
        supervisor, begin = self._on.supervisor, plan.start_at + plan.warmup_seconds
        at, down = begin + plan.seconds / 5, self._settings.down_seconds
        if planned.scenario == "products-down":
            return take_down("products", supervisor, accounts, at=at, seconds=down)
        if planned.step:
            healthy, end = service_spec(plain, "orders"), begin + plan.seconds
            return await_crash(healthy, supervisor, accounts, until=end, seconds=COORDINATOR_AWAY)
        if planned.scenario == "coordinator-killed":
            return take_down("orders", supervisor, accounts, at=at, seconds=COORDINATOR_AWAY)
        return None

    async def _figures(
        self, layout: Layout, plan: LoadPlan, result: LoadResult, found: Audit, use: CpuUse
    ) -> dict[str, Any]:
        known = await known_orders(layout.audited(), plan.run)
        ended = outcomes(read_records(Path(plan.records)), known, result.measured_from)
        found.checks.append(ended.missing)
        return {
            "load": asdict(result),
            "outcomes": ended.counts,
            "completion": ended.completion,
            "completion_histogram": ended.histogram,
            "settled": ended.settled,
            "settled_per_second": settled_rate(known, result.measured_from),
            "cpu": cpu_figures(use, result.cpu_seconds, ended.settled, events=layout.wiring == "events"),
            "audit": found.as_dict(ids=20),
        }
