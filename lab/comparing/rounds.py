"""One round: a fresh shop of one wiring, one load, perhaps faults, rest, audit, figures."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.audit import Audit, audit
from lab.audit.quiet import wait_until_quiet
from lab.comparing.accounting import Accounting, cpu_figures
from lab.comparing.coordinator import armed, surviving
from lab.comparing.faults import Hit, Stage, absent, strike
from lab.comparing.outcomes import known_orders, outcomes, settled_rate
from lab.comparing.scenarios import Scenario, chosen
from lab.comparing.schedule import Planned, load_seconds
from lab.comparing.settings import CompareSettings
from lab.comparing.telling import Telling
from lab.comparing.validity import outage, why_late, why_missed
from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.load.records import read_records
from lab.load.result import LoadResult
from lab.running.cpu import CpuUse
from lab.running.lag import Lag
from lab.running.layout import Layout
from lab.running.prepare import declare_topics, migrate, prepare_databases, remove, seed
from lab.running.shop import Ground, start_services, stop_services
from lab.watching.products import put_up

START_DELAY = 1.0
"""Seconds between starting the generator and its first order: its own start-up is not the shop's business."""


class Rounds:
    """Runs rounds on given ground. Entering makes the migrated and seeded databases that each round gets copies of,
    leaving removes them. Nothing of a round survives it but its figures."""

    def __init__(
        self,
        on: Ground,
        settings: CompareSettings,
        scenarios: Mapping[str, Scenario],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on, self._settings, self._say = on, settings, say
        self._scenarios = {**chosen(("healthy",)), **scenarios}
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

    def rate(self, planned: Planned) -> float:
        """Orders a second of that round; 0 in a closed loop."""
        return self._scenarios[planned.scenario].load.rate(self._settings.rate)

    async def round(self, planned: Planned) -> dict[str, Any]:
        """The figures of one round, JSON-ready. However it ends, its faults are undone and its shop is removed. Raises
        SupervisionError, ShopError, LoadFailed."""
        self._count += 1
        scenario, wiring = self._scenarios[planned.scenario], planned.wiring
        telling = Telling()
        layout = telling.recorded(self._layout(planned, scenario))
        supervisor = self._on.supervisor
        async with AsyncExitStack() as stack:
            stack.enter_context(telling)
            stack.push_async_callback(remove, layout)
            await asyncio.gather(prepare_databases(layout, self._template), declare_topics(layout))
            stack.push_async_callback(stop_services, supervisor, layout)
            await start_services(supervisor, layout, lambda _: None)
            lag = await stack.enter_async_context(Lag(layout)) if wiring == "events" else None
            accounts = await stack.enter_async_context(Accounting(supervisor))
            records = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "records.csv"
            await stack.enter_async_context(telling.watching(layout, lag))
            plan = telling.followed(self._plan(layout, records, planned))
            if planned.step:
                plan = replace(plan, products=(*plan.products, await put_up(layout, stock=0)))
            stage = Stage(supervisor, surviving(layout), accounts.sample, self._say)
            result, hits = await self._load(plan, scenario, stage, planned.step)
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
            figures = await self._figures(layout, plan, result, found, use, telling, hits)
            return {
                "scenario": planned.scenario,
                "wiring": wiring,
                "round": planned.number,
                "concurrency": planned.concurrency,
                "step": planned.step,
                "outage": outage(hits),
                "faults": [asdict(hit) for hit in hits],
                "notes": [why for fault in scenario.faults if (why := absent(fault, stage))],
                "invalid": _why_invalid(plan, result, hits, planned.step),
                **figures,
            }

    def _layout(self, planned: Planned, scenario: Scenario) -> Layout:
        settings = self._settings
        name, prefix = f"r{self._run}_{self._count}_{planned.wiring}", f"shop-compare-{self._run}-{self._count}"
        plain = self._on.layout(
            name, planned.wiring, prefix, usual_ports=False, hold_transaction=settings.hold_transaction
        )
        before = scenario.load.rate(settings.rate) * (settings.warmup_seconds + settings.seconds / 5)
        return armed(
            replace(plain, told={str(service): told for service, told in scenario.told.items()}),
            planned.step,
            orders_before=before,
        )

    def _plan(self, layout: Layout, records: Path, planned: Planned) -> LoadPlan:
        settings, scenario = self._settings, self._scenarios[planned.scenario]
        return LoadPlan(
            url=f"{layout.http('orders')}/orders",
            run=layout.name,
            records=str(records),
            rate=self.rate(planned),
            concurrency=planned.concurrency,
            seconds=load_seconds(planned, scenario, settings),
            warmup_seconds=settings.warmup_seconds,
            arrivals="poisson" if settings.arrivals == "poisson" else "constant",
            products=scenario.load.products or settings.products,
            start_at=time.time() + START_DELAY,
        )

    async def _load(
        self, plan: LoadPlan, scenario: Scenario, stage: Stage, step: str
    ) -> tuple[LoadResult, Sequence[Hit]]:
        """The load and what hit the shop meanwhile; returns when all of that is undone, also when it is cancelled."""
        assert plan.start_at is not None
        begin = plan.start_at + plan.warmup_seconds
        load = await Load.start(plan)
        loading = asyncio.create_task(load.result())
        striking = [
            asyncio.create_task(
                strike(fault, stage, at=begin + fault.starts(plan.seconds), until=begin + plan.seconds, step=step)
            )
            for fault in scenario.faults
        ]
        tasks: list[asyncio.Task[Any]] = [loading, *striking]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)
            await load.stop()
        return loading.result(), [hit for task in striking if (hit := task.result()) is not None]

    async def _figures(
        self,
        layout: Layout,
        plan: LoadPlan,
        result: LoadResult,
        found: Audit,
        use: CpuUse,
        telling: Telling,
        hits: Sequence[Hit],
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
            **await telling.told(layout, plan, known, result, [(hit.began_at, hit.ended_at) for hit in hits]),
        }


def _why_invalid(plan: LoadPlan, result: LoadResult, hits: Sequence[Hit], step: str) -> str | None:
    assert plan.start_at is not None
    return why_late(planned=plan.start_at, began=result.began_at, rate=plan.rate) or why_missed(
        hits, until=result.measured_from + plan.seconds, step=step
    )


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancels them and waits until they have undone what they did; cancelled once more, they need not."""
    for task in tasks:
        task.cancel()
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
