"""A whole comparison: wirings alternating in rounds, scenario by scenario, in one document that grows meanwhile."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from lab.comparing.conditions import conditions
from lab.comparing.differences import concluded
from lab.comparing.external import NAME, External
from lab.comparing.failing import Failures
from lab.comparing.rounds import Rounds
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import WARMING, Planned, with_warm_up
from lab.comparing.settings import CompareSettings
from lab.comparing.stopping import stoppable
from lab.comparing.time_left import TimeLeft
from lab.comparing.turns import expected, left_out, turns
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
    outside: External | None = None,
    watch: Watch | None = None,
    document: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Runs everything; the document holds conditions, every round and what they amount to. ``say`` hears what is done
    to the shops, and of each round unless somebody watches. The shop ``outside`` takes turns with ours.

    Who gives a ``document`` has in it what was done, round by round, when the comparison is stopped or fails in
    between; ``stopped`` says then how much that was, and why it failed. A round that fails does not end it: see
    ``run_rounds``.
    """
    document = {} if document is None else document
    scenarios = settings.chosen()
    need_own_servers(on, scenarios)
    if "chain-mesh" in settings.wirings:
        ensure_mesh()
    document |= await without_rounds(on, settings)
    say("databases for the rounds")
    rounds = Rounds(on, settings, scenarios, say)
    return await run_rounds(rounds, settings, say, outside=outside, watch=watch, document=document)


async def run_rounds(
    entering: Entering,
    settings: CompareSettings,
    say: Say,
    *,
    outside: External | None = None,
    watch: Watch | None,
    document: dict[str, Any],
) -> dict[str, Any]:
    """All rounds of the schedule, into a document that has its conditions and no rounds yet. A round that fails is in
    ``failed``, and the next one follows. Raises GivenUp after two in a row, or when all failed."""
    scenarios = settings.chosen()
    known = with_warm_up(scenarios)
    every = turns(settings, outside)
    warming = sum(one.number == WARMING for one in every)
    count = len(every) - warming
    document["scenarios"] = {name: one.model_dump(mode="json") for name, one in scenarios.items()}
    failures = Failures(document, say)
    if outside and (without := left_out(scenarios)):
        say(f"{NAME} has no rounds of {', '.join(without)}: what runs elsewhere cannot be broken from here")
    tell, left = watch or (lambda text, left: say(f"{text}, {left}")), TimeLeft(expected(settings, outside))
    with stoppable(document, rounds=count):
        async with entering as rounds:
            for position, turn in enumerate(every):
                left.begins(position)
                number = position - warming + 1
                scenario = known[turn.scenario]
                place = f"[{number}/{count}] " if number > 0 else ""
                tell(f"{place}{turn.told(scenario.load.told(settings.rate))}", left)
                with failures.tolerated(turn):
                    if isinstance(turn, Planned):
                        figures = await rounds.round(turn)
                    else:
                        figures = await turn.figures(scenario, settings)
                    if number > 0:
                        document["rounds"].append(figures)
            failures.check()
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
