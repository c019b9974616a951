"""A round's load on a shop that runs: its orders, what hits the shop meanwhile, rest, audit and figures."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.audit import audit
from lab.audit.quiet import wait_until_quiet
from lab.comparing.accounting import Accounting, cpu_figures
from lab.comparing.faults import Hit, Stage, absent, strike
from lab.comparing.offering import offered, read_ahead
from lab.comparing.outcomes import known_orders, outcomes, settled_rate
from lab.comparing.sampling import Sampling
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import Planned, load_seconds
from lab.comparing.series import series
from lab.comparing.settings import CompareSettings
from lab.comparing.telling import Telling
from lab.comparing.validity import outage, why_late, why_missed
from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.load.records import read_records
from lab.load.result import LoadResult
from lab.load.schedule import stretches
from lab.running.lag import Lag
from lab.running.layout import Layout
from lab.supervision import Supervisor
from lab.watching.products import put_up


@dataclass(frozen=True)
class Subject:
    """The shop of a round. ``run`` names its orders; ``restored`` is how processes are told to be once a fault is over;
    ``telling`` is None where nobody records what services do."""

    layout: Layout
    supervisor: Supervisor
    run: str
    restored: Layout
    telling: Telling | None = None


async def measure(
    subject: Subject, planned: Planned, scenario: Scenario, settings: CompareSettings, say: Callable[[str], None]
) -> dict[str, Any]:
    """The figures of the round, JSON-ready. However it ends, its faults are undone. Raises ShopError, LoadFailed."""
    layout, telling, deadline = subject.layout, subject.telling, settings.quiet_deadline
    await read_ahead(scenario)  # not while CPU is counted
    async with AsyncExitStack() as stack:
        lag = await stack.enter_async_context(Lag(layout)) if layout.wiring == "events" else None
        accounts = await stack.enter_async_context(Accounting(subject.supervisor))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        usual = scenario.load.products or settings.products
        plan = offered(
            scenario,
            settings,
            folder,
            url=f"{layout.http('orders')}/orders",
            run=subject.run,
            seconds=load_seconds(planned, scenario, settings),
            concurrency=planned.concurrency,
            products=(*usual, await put_up(layout, stock=0)) if planned.step else usual,
        )
        if telling is not None:
            plan = telling.followed(plan)
        seen = await stack.enter_async_context(Sampling(layout, lag))
        stage = Stage(subject.supervisor, subject.restored, accounts.sample, say)
        result, hits = await _load(plan, scenario, stage, planned.step)
        used = [accounts.use()]
        stillness = await wait_until_quiet(
            layout.audited(),
            lag.total if lag else None,
            deadline=deadline,
            load_is_over=True,
            on_change=lambda: used.append(accounts.use()),
        )
        use = used[-1]  # until the last order settled; waiting in vain and the audit are not the shop's work
        found = await audit(layout.audited(), deadline=deadline, pause=1.0, stillness=stillness)
        known = await known_orders(layout.audited(), plan.run, plan.marked)
        sent = list(read_records(Path(plan.records)))
        ended = outcomes(sent, known, result.measured_from)
        found.checks.append(ended.missing)
        windows = [(hit.began_at, hit.ended_at) for hit in hits]
        return {
            "scenario": planned.scenario,
            "wiring": planned.wiring,
            "round": planned.number,
            "concurrency": planned.concurrency,
            "step": planned.step,
            "outage": outage(hits),
            "faults": [asdict(hit) for hit in hits],
            "notes": [why for fault in scenario.faults if (why := absent(fault, stage))],
            "invalid": _why_invalid(plan, result, hits, planned.step),
            "load": asdict(result),
            "outcomes": ended.counts,
            "completion": ended.completion,
            "completion_histogram": ended.histogram,
            "settled": ended.settled,
            "settled_per_second": settled_rate(known, result.measured_from),
            "cpu": cpu_figures(use, result.cpu_seconds, ended.settled, events=layout.wiring == "events"),
            "audit": found.as_dict(ids=20),
            "series": series(sent, known, result.measured_from, seen.samples),
            **({} if telling is None else await telling.told(layout, plan, sent, known, result, windows)),
        }


async def _load(plan: LoadPlan, scenario: Scenario, stage: Stage, step: str) -> tuple[LoadResult, Sequence[Hit]]:
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


def _why_invalid(plan: LoadPlan, result: LoadResult, hits: Sequence[Hit], step: str) -> str | None:
    assert plan.start_at is not None
    return why_late(planned=plan.start_at, began=result.began_at, rate=stretches(plan)[0].first) or why_missed(
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
