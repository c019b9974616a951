"""Rounds on fresh shops: each has databases and topics of its own, and nothing survives it but its figures."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from lab.comparing.coordinator import armed, surviving
from lab.comparing.one_round import Subject, measure
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import Planned, with_warm_up
from lab.comparing.settings import CompareSettings
from lab.comparing.telling import Telling
from lab.running.layout import Layout
from lab.running.prepare import declare_topics, migrate, prepare_databases, remove, seed
from lab.running.shop import Ground, start_services, stop_services


class Rounds:
    """Runs rounds on given ground. Entering makes the migrated and seeded databases that each round gets copies of,
    leaving removes them."""

    def __init__(
        self,
        on: Ground,
        settings: CompareSettings,
        scenarios: Mapping[str, Scenario],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on, self._settings, self._say = on, settings, say
        self._scenarios = with_warm_up(scenarios)
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
        """The figures of one round, JSON-ready. However it ends, its faults are undone and its shop is removed. Raises
        SupervisionError, ShopError, LoadFailed."""
        self._count += 1
        scenario, supervisor = self._scenarios[planned.scenario], self._on.supervisor
        telling = Telling()
        layout = telling.recorded(self._layout(planned, scenario))
        async with AsyncExitStack() as stack:
            stack.enter_context(telling)
            stack.push_async_callback(remove, layout)
            await asyncio.gather(prepare_databases(layout, self._template), declare_topics(layout))
            stack.push_async_callback(stop_services, supervisor, layout)
            await start_services(supervisor, layout, lambda _: None)
            subject = Subject(layout, supervisor, layout.name, surviving(layout), telling)
            return await measure(subject, planned, scenario, self._settings, self._say)

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
