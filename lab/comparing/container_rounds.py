"""Rounds on shops that run in containers.

The shops are there already and stay: databases grow from round to round, and what a scenario would tell the services
cannot be told. Otherwise a round is what it is on fresh shops, out of the same parts.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from lab.audit import Audit, audit
from lab.audit.quiet import wait_until_quiet
from lab.comparing.accounting import Accounting, cpu_figures
from lab.comparing.faults import Stage, absent
from lab.comparing.outcomes import known_orders, outcomes, settled_rate
from lab.comparing.rounds import Rounds
from lab.comparing.scenarios import Scenario, chosen
from lab.comparing.schedule import Planned
from lab.comparing.settings import CompareSettings
from lab.comparing.validity import outage, why_late, why_missed
from lab.compose.engine import Engine
from lab.compose.layout import ComposeLayout
from lab.load.plan import LoadPlan
from lab.load.records import read_records
from lab.load.result import LoadResult
from lab.running.cpu import CpuUse
from lab.running.lag import Lag
from lab.supervision import Supervisor


class NoEngine:
    """What is known of processes from inside a container: nothing."""

    states = ()


class ContainerRounds(Rounds):
    """``shops`` by their wirings. From inside there is no engine, hence no fault and no account of CPU."""

    def __init__(
        self,
        shops: Mapping[str, ComposeLayout],
        settings: CompareSettings,
        scenarios: Mapping[str, Scenario],
        say: Callable[[str], None],
    ) -> None:
        self._shops, self._settings, self._say = shops, settings, say
        self._scenarios = {**chosen(("healthy",)), **scenarios}
        self._run = f"c{int(time.time()):x}"
        self._count = 0

    async def __aenter__(self) -> "ContainerRounds":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing was made, so nothing is removed."""

    async def round(self, planned: Planned) -> dict[str, Any]:
        """The figures of one round, JSON-ready. However it ends, its faults are undone.

        Raises ShopError, LoadFailed.
        """
        self._count += 1
        layout, scenario = self._shops[planned.wiring], self._scenarios[planned.scenario]
        # It does what is asked of a supervisor here: say what runs, kill, suspend, start again.
        engine = cast(Supervisor, NoEngine() if layout.inside else Engine(layout))
        deadline = self._settings.quiet_deadline
        async with AsyncExitStack() as stack:
            lag = await stack.enter_async_context(Lag(layout)) if planned.wiring == "events" else None
            accounts = await stack.enter_async_context(Accounting(engine))
            records = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "records.csv"
            plan = replace(self._plan(layout, records, planned), run=f"{self._run}-{self._count}")
            stage = Stage(engine, layout, accounts.sample, self._say)
            result, hits = await self._load(plan, scenario, stage, "")
            used = [accounts.use()]
            stillness = await wait_until_quiet(
                layout.audited(),
                lag.total if lag else None,
                deadline=deadline,
                load_is_over=True,
                on_change=lambda: used.append(accounts.use()),
            )
            found = await audit(layout.audited(), deadline=deadline, pause=1.0, stillness=stillness)
            figures = await self._counted(layout, plan, result, found, used[-1])
            if not any(figures["cpu"]["seconds"].values()):  # the engine is on another machine, or we are inside
                figures["cpu"] |= {"per_settled_ms": None, "foreign_percent_of_machine": None}
            return {
                "scenario": planned.scenario,
                "wiring": planned.wiring,
                "round": planned.number,
                "concurrency": planned.concurrency,
                "step": planned.step,
                "outage": outage(hits),
                "faults": [asdict(hit) for hit in hits],
                "notes": [why for fault in scenario.faults if (why := absent(fault, stage))],
                "invalid": why_late(planned=plan.start_at or 0.0, began=result.began_at, rate=plan.rate)
                or why_missed(hits, until=result.measured_from + plan.seconds, step=""),
                **figures,
            }

    async def _counted(
        self, layout: ComposeLayout, plan: LoadPlan, result: LoadResult, found: Audit, use: CpuUse
    ) -> dict[str, Any]:
        """Without what is told second by second and of one order: containers send their traces to nobody here."""
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
