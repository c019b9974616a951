"""A whole comparison: wirings alternating in rounds, scenario by scenario, and one document at the end."""

from collections.abc import Callable, Iterator
from typing import Any

from kit.settings import Wiring
from lab.comparing.conditions import conditions
from lab.comparing.rounds import Rounds
from lab.comparing.settings import CompareSettings
from lab.mesh.sidecars import ensure_mesh
from lab.running.shop import Ground

Say = Callable[[str], None]


async def compare_wirings(on: Ground, settings: CompareSettings, say: Say) -> dict[str, Any]:
    """Runs everything; the document holds conditions and every round. Neighbouring rounds are of different wirings,
    and each wiring goes first equally often, so that a machine that slows down slows all of them down."""
    if "chain-mesh" in settings.wirings:
        ensure_mesh()
    layout = on.layout("template", "events", "shop-compare-template", usual_ports=False)
    embedded = [server.name for server in on.backends.embedded]
    document: dict[str, Any] = {"conditions": await conditions(settings, layout, embedded=embedded), "rounds": []}
    say("databases for the rounds")
    async with Rounds(on, settings) as rounds:
        schedule = list(_schedule(settings))
        for position, (scenario, number, wiring, concurrency) in enumerate(schedule, 1):
            busy = f", {concurrency} at a time" if concurrency else f", {settings.rate:g} orders/s"
            say(f"[{position}/{len(schedule)}] {scenario}, round {number}: {wiring}{busy}")
            document["rounds"].append(await rounds.round(scenario, wiring, number, concurrency))
    return document


def _schedule(settings: CompareSettings) -> Iterator[tuple[str, int, Wiring, int]]:
    for scenario in settings.scenarios:
        for number in range(1, settings.rounds + 1):
            shift = (number - 1) % len(settings.wirings)
            for concurrency in settings.concurrencies if scenario == "saturation" else (0,):
                for wiring in settings.wirings[shift:] + settings.wirings[:shift]:
                    yield scenario, number, wiring, concurrency
