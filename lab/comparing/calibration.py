"""How often `shop compare` is wrong, and how much it finds: equal wirings, made out of recorded rounds of one wiring.

Rounds of one wiring that were neighbours in time are dealt to two sides, which are then compared as two wirings are.
What is said to differ then is a false positive. With the figures of one side made worse by a known factor, what is not
found is what a comparison of that many rounds would miss.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.settings import Wiring
from lab.comparing.differences import HEADLINES
from lab.comparing.statistics import LEVEL, claims_difference

Round = Mapping[str, float | None]
"""The headline figures of one round, by name."""
SLOWER = 1.2
"""The planted slowdown: every time, and the CPU, of one side is that many times as much."""
RECOMMENDED_ROUNDS = 20
"""Of each wiring, for who wants to see a fifth: they find the planted slowdown by the times alone; a test holds the
recorded rounds to it."""
WIRINGS: tuple[Wiring, ...] = ("events", "chain")
"""Those that are recorded."""
ROUNDS, COMPARISONS = (5, 8, 10, 20), 400
"""What is tabulated."""
PLANTED = tuple(name for name in HEADLINES if not name.endswith("%"))
TIMES = tuple(name for name in PLANTED if name.endswith(("p50", "p99")))


@dataclass(frozen=True)
class Calibration:
    """Of ``comparisons`` of one wiring with itself, in ``rounds`` rounds each: how many were said to differ in any
    figure, and how many found the planted slowdown, by figure and in any of the times: what only waits longer uses no
    more CPU, so CPU does not count there."""

    wiring: str
    rounds: int
    comparisons: int
    false_positives: int
    found: dict[str, int]
    found_by_times: int


def calibrate(recorded: Mapping[str, Any], wiring: str, rounds: int, comparisons: int) -> Calibration:
    """The same result at every call. Raises ValueError when there are fewer than twice ``rounds`` recorded rounds."""
    drawn = list(equal_wirings(recorded_rounds(recorded, wiring), rounds, comparisons))
    planted = [[name for name in PLANTED if _differ(one, slowed(other), name)] for one, other in drawn]
    return Calibration(
        wiring,
        rounds,
        comparisons,
        false_positives=sum(any(_differ(one, other, name) for name in HEADLINES) for one, other in drawn),
        found={name: sum(name in found for found in planted) for name in PLANTED},
        found_by_times=sum(any(name in TIMES for name in found) for found in planted),
    )


def power(recorded: Mapping[str, Any], comparisons: int = COMPARISONS) -> Iterator[list[str]]:
    """A row a wiring and number of rounds: percent of the comparisons that say that equal wirings differ, that find
    the slowdown in any of the times, and by figure. A row ends early where too few rounds are recorded."""
    for wiring in WIRINGS:
        for rounds in ROUNDS:
            if 2 * rounds > len(recorded_rounds(recorded, wiring)):
                yield [wiring, str(rounds), "too few"]
                continue
            found = calibrate(recorded, wiring, rounds, comparisons)
            counts = (found.false_positives, found.found_by_times, *found.found.values())
            yield [wiring, str(rounds), *(f"{100 * count / comparisons:.1f}" for count in counts)]


def explanation(comparisons: int = COMPARISONS) -> str:
    """What the columns of ``power`` are."""
    level, slower, most = 100 * LEVEL, 100 * (SLOWER - 1), most_expected(comparisons)
    return (
        f"Equal wirings may be said to differ in at most {level:.0f} % of the comparisons, so in up to {most} of "
        f"{comparisons} (99 % binomial interval). The other columns: a slowdown of {slower:.0f} % in all times and the "
        "CPU of one side, found in any of the times (what only waits longer uses no more CPU), and by figure."
    )


def recorded_rounds(recorded: Mapping[str, Any], wiring: str) -> list[Round]:
    """Those of the wiring that may be used, in their order in time."""
    return [one["figures"] for one in recorded["rounds"] if one["wiring"] == wiring and one["invalid"] is None]


def equal_wirings(recorded: Sequence[Round], rounds: int, count: int) -> Iterator[tuple[list[Round], list[Round]]]:
    """Two sides of neighbours each time: from a start that is drawn, each two rounds are a pair, in order of time.
    Which of a pair goes to which side is drawn, too: in strict turns a recording would hold only a handful of series,
    and hundreds of comparisons would repeat each other. Where there are rounds to spare one may be left out between
    pairs."""
    spare = len(recorded) - 2 * rounds
    if spare < 0:
        raise ValueError(
            f"{rounds} rounds a side need {2 * rounds} recorded rounds of a wiring, there are {len(recorded)}"
        )
    draw = random.Random(rounds)
    for _ in range(count):
        left_out = min(draw.randint(0, rounds), spare)
        at = draw.randint(0, spare - left_out)
        gaps = set(draw.sample(range(rounds), left_out))
        sides: tuple[list[Round], list[Round]] = ([], [])
        for pair in range(rounds):
            at += pair in gaps
            first = draw.randint(0, 1)
            sides[first].append(recorded[at])
            sides[1 - first].append(recorded[at + 1])
            at += 2
        yield sides


def slowed(rounds: Sequence[Round]) -> list[Round]:
    """The rounds with the slowdown planted in every time and the CPU."""
    return [
        {name: value * SLOWER if value is not None and name in PLANTED else value for name, value in one.items()}
        for one in rounds
    ]


def most_expected(comparisons: int, level: float = LEVEL, confidence: float = 0.99) -> int:
    """The upper end of the binomial interval: more false positives than that, and the level does not hold."""
    below = 0.0
    for count in range(comparisons + 1):
        below += math.comb(comparisons, count) * level**count * (1 - level) ** (comparisons - count)
        if below >= 1 - (1 - confidence) / 2:
            return count
    return comparisons


def _differ(one: Sequence[Round], other: Sequence[Round], name: str) -> bool:
    return claims_difference([each[name] for each in one], [each[name] for each in other], tested=len(HEADLINES))
