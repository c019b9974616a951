"""All rounds of a comparison in the order in which they are run: ours, and between them those of a shop of others."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from lab.comparing.external import External, TheirRound
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import WARMING, Planned, expected_seconds, schedule, warm_ups, with_warm_up
from lab.comparing.settings import CompareSettings

Turn = Planned | TheirRound


def turns(settings: CompareSettings, outside: External | None = None) -> list[Turn]:
    """Warm-ups first, which are not kept. The shop of others is warmed up after ours, by the first load that it is
    measured by and not by more (a recording is played whole or not at all). In scenarios that are load and nothing else
    it has a round in every block: the last one where the number of rounds is 1, the last but one where it is 2, and so
    on until it goes first; then last again. So it goes first as often as any other, and rounds of one number are
    neighbours in time. Raises ShopError.
    """
    scenarios, warming = settings.chosen(), warm_ups(settings)
    ours = schedule(settings, scenarios)
    if outside is None:
        return [*warming, *ours]
    every = list(_between(ours, scenarios, outside))
    theirs = [one for one in every if isinstance(one, TheirRound) and scenarios[one.scenario].load.recording is None]
    return [*warming, *(replace(one, number=WARMING) for one in theirs[: bool(warming)]), *every]


def left_out(scenarios: Mapping[str, Scenario]) -> list[str]:
    """What a shop of others cannot have, because nobody here can break what runs elsewhere, nor tell it anything."""
    return [name for name, one in scenarios.items() if one.faults or one.told]


def expected(settings: CompareSettings, outside: External | None = None) -> list[float]:
    """Seconds of each of the ``turns``. Raises ShopError."""
    known = with_warm_up(settings.chosen())
    return [
        expected_seconds(one, known[one.scenario], settings)
        if isinstance(one, Planned)
        else one.expected_seconds(known[one.scenario], settings)
        for one in turns(settings, outside)
    ]


def _between(ours: Iterator[Planned], scenarios: Mapping[str, Scenario], outside: External) -> Iterator[Turn]:
    without = left_out(scenarios)
    for (scenario, number, concurrency), planned in groupby(
        ours, lambda one: (one.scenario, one.number, one.concurrency)
    ):
        block: list[Turn] = list(planned)
        if scenario not in without:
            place = len(block) - (number - 1) % (len(block) + 1)
            block.insert(place, TheirRound(outside, scenario, number, concurrency))
        yield from block
