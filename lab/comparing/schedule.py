"""Which rounds a comparison has, in which order, and about how long that takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kit.settings import Wiring
from lab.comparing.coordinator import steps
from lab.comparing.scenarios import Scenario, chosen
from lab.comparing.settings import CompareSettings

WARMING = 0
"""The number of rounds that only warm up and are not kept."""
_WARM_UP = "saturation"
_WARM_UP_CUSTOMERS = 32

AROUND = 8.0
"""Seconds that a round takes beside its load: fresh databases, starting, coming to rest, the audit, stopping. Measured
on two cores; while a comparison runs, what its rounds really took counts instead."""


@dataclass(frozen=True)
class Planned:
    """One round to run. ``concurrency`` is 0 for open loops; ``step`` is where a coordinator is killed, if it is."""

    scenario: str
    wiring: Wiring
    number: int
    concurrency: int = 0
    step: str = ""

    def told(self, load: str) -> str:
        """For people, who do not see numbers of their own in a warm-up. ``load`` is how fast an open load is."""
        if self.number == WARMING:
            return f"warming up: {self.wiring}"
        busy = f"{self.concurrency} at a time" if self.concurrency else load
        where = f" at {self.step}" if self.step else ""
        return f"{self.scenario}{where}, round {self.number}: {self.wiring}, {busy}"


def schedule(settings: CompareSettings, scenarios: Mapping[str, Scenario]) -> Iterator[Planned]:
    """The rounds in their order: a block has one of each wiring, and with each number a scenario's blocks begin with
    the next wiring, at every number of customers, so that each goes first equally often and a machine that slows down
    slows all of them down. With two wirings every other block is turned round, so that the same wiring stands on both
    sides of a boundary. All steps at which a coordinator is killed stand together.
    """
    wirings, begun = settings.wirings, 0
    for name, scenario in scenarios.items():
        for number in range(1, settings.rounds + 1):
            for at, concurrency in enumerate(settings.concurrencies if scenario.load.kind == "closed" else (0,)):
                first = (begun + at) % len(wirings)
                for wiring in wirings[first:] + wirings[:first]:
                    for step in steps(wiring) if scenario.crashes else ("",):
                        yield Planned(name, wiring, number, concurrency, step)
            begun += 1


def warm_ups(settings: CompareSettings) -> list[Planned]:
    """One for each wiring, where rounds are compared with rounds: the broker is half as slow again until Java has
    compiled what it needs, which takes some ten thousand orders rather than a time. So they are sent as fast as they
    are answered, whatever load is measured afterwards."""
    if settings.rounds == 1:
        return []
    return [Planned(_WARM_UP, wiring, WARMING, _WARM_UP_CUSTOMERS) for wiring in settings.wirings]


def with_warm_up(scenarios: Mapping[str, Scenario]) -> dict[str, Scenario]:
    """The scenarios, and the one that wirings are warmed up by."""
    return {**chosen((_WARM_UP,)), **scenarios}


def load_seconds(planned: Planned, scenario: Scenario, settings: CompareSettings) -> float:
    """How long a round's load is measured."""
    return settings.warming_seconds if planned.number == WARMING else scenario.measured_seconds(settings.seconds)


def expected_seconds(planned: Planned, scenario: Scenario, settings: CompareSettings) -> float:
    """About how long the whole round takes."""
    return settings.warmup_seconds + load_seconds(planned, scenario, settings) + AROUND
