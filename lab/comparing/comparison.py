"""A whole comparison: wirings alternating in rounds, scenario by scenario, and one document at the end."""

from collections.abc import Callable, Iterator
from typing import Any

from lab.comparing.conditions import conditions
from lab.comparing.differences import concluded
from lab.comparing.rounds import Planned, Rounds
from lab.comparing.scenarios import steps
from lab.comparing.settings import CompareSettings
from lab.mesh.sidecars import ensure_mesh
from lab.running.shop import Ground

Say = Callable[[str], None]


async def compare_wirings(on: Ground, settings: CompareSettings, say: Say) -> dict[str, Any]:
    """Runs everything; the document holds conditions, every round and what they amount to. Neighbouring rounds are of
    different wirings, and each wiring goes first equally often, so that a machine that slows down slows all of them."""
    if "chain-mesh" in settings.wirings:
        ensure_mesh()
    layout = on.layout("template", "events", "shop-compare-template", usual_ports=False)
    embedded = [server.name for server in on.backends.embedded]
    document: dict[str, Any] = {"conditions": await conditions(settings, layout, embedded=embedded), "rounds": []}
    say("databases for the rounds")
    async with Rounds(on, settings) as rounds:
        planned_rounds = list(schedule(settings))
        for position, planned in enumerate(planned_rounds, 1):
            say(f"[{position}/{len(planned_rounds)}] {_told(planned, settings)}")
            document["rounds"].append(await rounds.round(planned))
    return concluded(document)


def schedule(settings: CompareSettings) -> Iterator[Planned]:
    """The rounds in their order."""
    for scenario in settings.scenarios:
        for number in range(1, settings.rounds + 1):
            shift = (number - 1) % len(settings.wirings)
            for concurrency in settings.concurrencies if scenario == "saturation" else (0,):
                for wiring in settings.wirings[shift:] + settings.wirings[:shift]:
                    for step in steps(scenario, wiring):
                        yield Planned(scenario, wiring, number, concurrency, step)


def _told(planned: Planned, settings: CompareSettings) -> str:
    busy = f"{planned.concurrency} at a time" if planned.concurrency else f"{settings.rate:g} orders/s"
    where = f" at {planned.step}" if planned.step else ""
    return f"{planned.scenario}{where}, round {planned.number}: {planned.wiring}, {busy}"
