"""Rounds on shops that run in containers.

The shops are there already and stay: databases grow from round to round, and what a scenario would tell the services
cannot be told. Nor is anything told of one order, or of how stale the product copy was: containers send their traces to
nobody here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from lab.comparing.one_round import Subject, measure
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import Planned, with_warm_up
from lab.comparing.settings import CompareSettings
from lab.compose.engine import Engine
from lab.compose.layout import ComposeLayout
from lab.supervision import Supervisor


class NoEngine:
    """What is known of processes from inside a container: nothing."""

    states = ()


class ContainerRounds:
    """``shops`` by their wirings. From inside there is no engine, hence no fault and no account of CPU."""

    def __init__(
        self,
        shops: Mapping[str, ComposeLayout],
        settings: CompareSettings,
        scenarios: Mapping[str, Scenario],
        say: Callable[[str], None],
    ) -> None:
        self._shops, self._settings, self._say = shops, settings, say
        self._scenarios = with_warm_up(scenarios)
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
        layout = self._shops[planned.wiring]
        # It does what is asked of a supervisor here: say what runs, kill, suspend, start again.
        engine = cast(Supervisor, NoEngine() if layout.inside else Engine(layout))
        subject = Subject(layout, engine, f"{self._run}-{self._count}", layout)
        figures = await measure(subject, planned, self._scenarios[planned.scenario], self._settings, self._say)
        if not any(figures["cpu"]["seconds"].values()):  # the engine is on another machine, or we are inside
            figures["cpu"] |= {"per_settled_ms": None, "foreign_percent_of_machine": None}
        return figures
