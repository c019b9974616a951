"""A whole comparison: wirings alternating in rounds, scenario by scenario, in one document that grows meanwhile."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from lab.comparing.conditions import conditions
from lab.comparing.differences import concluded
from lab.comparing.presets import expected
from lab.comparing.rounds import Rounds
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import Planned, schedule, warm_ups, with_warm_up
from lab.comparing.settings import CompareSettings
from lab.comparing.time_left import TimeLeft
from lab.mesh.sidecars import ensure_mesh
from lab.running.errors import ShopError
from lab.running.shop import Ground

Say = Callable[[str], None]
Watch = Callable[[str, TimeLeft], None]
"""Is told of each round when it begins."""


class RunsRounds(Protocol):
    async def round(self, planned: Planned) -> dict[str, Any]:
        """The figures of one round, JSON-ready."""


Entering = AbstractAsyncContextManager[RunsRounds]


async def compare_wirings(
    on: Ground,
    settings: CompareSettings,
    say: Say,
    *,
    watch: Watch | None = None,
    document: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Runs everything; the document holds conditions, every round and what they amount to. ``say`` hears what is done
    to the shops, and of each round unless somebody watches.

    Who gives a ``document`` has in it what was done, round by round, when the comparison is stopped or fails in
    between; ``stopped`` says then how much that was.
    """
    document = {} if document is None else document
    scenarios = settings.chosen()
    need_own_servers(on, scenarios)
    if "chain-mesh" in settings.wirings:
        ensure_mesh()
    document |= await without_rounds(on, settings)
    say("databases for the rounds")
    return await run_rounds(Rounds(on, settings, scenarios, say), settings, say, watch=watch, document=document)


async def run_rounds(
    entering: Entering, settings: CompareSettings, say: Say, *, watch: Watch | None, document: dict[str, Any]
) -> dict[str, Any]:
    """All rounds of the schedule, into a document that has its conditions and no rounds yet."""
    scenarios = settings.chosen()
    known = with_warm_up(scenarios)
    planned_rounds, warming = list(schedule(settings, scenarios)), warm_ups(settings)
    document |= {
        "stopped": {"rounds_done": 0, "rounds_planned": len(planned_rounds)},
        "scenarios": {name: one.model_dump(mode="json") for name, one in scenarios.items()},
    }
    tell, left = watch or (lambda text, left: say(f"{text}, {left}")), TimeLeft(expected(settings))
    async with entering as rounds:
        for position, planned in enumerate([*warming, *planned_rounds]):
            left.begins(position)
            number = position - len(warming) + 1
            place = f"[{number}/{len(planned_rounds)}] " if number > 0 else ""
            rate = known[planned.scenario].load.rate(settings.rate)
            tell(f"{place}{planned.told(rate)}", left)
            figures = await rounds.round(planned)
            if number > 0:
                document["rounds"].append(figures)
                document["stopped"]["rounds_done"] = number
    document["stopped"] = None
    return concluded(document)


async def without_rounds(on: Ground, settings: CompareSettings) -> dict[str, Any]:
    """The document of a run before its first round, or of one that has none: its conditions."""
    layout = on.layout("template", "events", "shop-compare-template", usual_ports=False)
    embedded = [server.name for server in on.backends.embedded]
    found = await conditions(settings, layout, embedded=embedded)
    return {"stopped": None, "conditions": found, "scenarios": {}, "rounds": []}


def need_own_servers(on: Ground, scenarios: Mapping[str, Scenario]) -> None:
    """Raises ShopError when a scenario takes a server down that is not ours."""
    servers = {
        "kafka": (on.backends.kafka, "KAFKA_BOOTSTRAP_SERVERS"),
        "postgres": (on.backends.postgres, "SHOP_POSTGRES_URL"),
    }
    for name, scenario in scenarios.items():
        for target in {fault.target for fault in scenario.faults} & servers.keys():
            server, variable = servers[target]
            if server is None:
                raise ShopError(
                    f"{name} takes {target} down, and {variable} names one that is not ours: unset it, and an embedded "
                    "one is started; or leave the scenario out"
                )
