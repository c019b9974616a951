"""How long searches for capacities take, about: nobody knows beforehand where they end."""

from lab.comparing.capacity.measuring import CapacitySettings
from lab.comparing.capacity.search import search
from lab.comparing.schedule import AROUND

HELD = 1000.0
"""Orders a second at which a search is expected to end: events and the chain on two cores are not far from it."""
AGAIN = 1
"""So many steps of a search are tried again."""
_AROUND_STEP = 3.0
"""Seconds that a step takes beside its load: starting the generator, coming to rest, looking all orders up."""


def expected_steps(settings: CapacitySettings) -> list[float]:
    """Seconds of what a search does: its shop's start, and as many steps as it has that ends at ``HELD``."""
    rates = search(settings.first, lowest=settings.lowest, highest=settings.highest, precision=settings.precision)
    count, rate = 1 + AGAIN, next(rates)
    while True:
        try:
            rate = rates.send(rate <= HELD)
        except StopIteration:
            return [AROUND, *[settings.warmup_seconds + settings.seconds + _AROUND_STEP] * count]
        count += 1


def expected_searches(settings: CapacitySettings) -> list[float]:
    """The same of all wirings, one after the other."""
    return expected_steps(settings) * len(settings.wirings)
