"""Rounds in one figure, and what may be said about the difference of two: nothing more than the rounds carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Literal

from lab.comparing.paired_ratio import log_ratios, mean_ratio
from lab.comparing.rank_sums import rank_sum_p
from lab.comparing.ratio import ratio_of_medians
from lab.comparing.signed_ranks import signed_rank_p

Verdict = Literal["differ", "noise", "apart", "unknown"]
"""differ: significant, from at least five rounds each. apart: fewer rounds, ranges do not overlap; nothing is
claimed beyond that. noise: the difference is within what rounds of the same wiring differ by. unknown: no figures, or
one round only, which says nothing about how far rounds differ by themselves."""

LEVEL = 0.05
"""How often, at most, two equal wirings are said to differ in any of the figures that are tested together."""
ENOUGH_ROUNDS = 5
"""The least number of rounds each at which six figures together can be significant: 6 x 2/252 is just below 5 %."""
ENOUGH_PAIRS = 8
"""The least number of pairs at which they can: 6 x 2/256. From here on pairs find more than unpaired rounds do."""

Rounds = Sequence[float | None]


@dataclass(frozen=True)
class Spread:
    """The median over rounds, with the range of the rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Rounds) -> "Spread | None":
        """None when no round has a figure."""
        known = [value for value in values if value is not None]
        return cls(median(known), min(known), max(known), len(known)) if known else None


@dataclass(frozen=True)
class Judgement:
    """``ratio`` is the second wiring's figure for one of the first's; None where one of them has none, or is zero.
    ``low`` and ``high`` are the ends of its interval; all intervals of figures that are tested together hold at once
    with 95 % confidence. ``p`` is the exact test's, corrected for that number of figures. All three are None below
    five rounds. ``pairs`` is how many pairs of neighbours were judged, 0 where rounds were not paired."""

    verdict: Verdict
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    pairs: int = 0


def judge(first: Rounds, second: Rounds, tested: int = 1) -> Judgement:
    """What may be said about two wirings' rounds in one of ``tested`` figures (Bonferroni). Rounds at the same place
    are neighbours in time; a round without a figure is None.

    From eight such pairs on pairs are judged: geometric mean of their ratios, exact signed-rank test. From five rounds
    on: ratio of medians, exact rank-sum test. ``differ`` needs both the test and an interval without 1; an interval
    is widened to hold 1 where the test says nothing, so that the two never contradict each other.
    """
    one, other, pairs = _known(first, second)
    p = _exact_p(one, other, pairs)
    if p is None:
        return _few(one, other)
    corrected = min(p * tested, 1.0)
    significant = corrected <= LEVEL
    if not _positive(one, other):
        return Judgement("differ" if significant else "noise", p=corrected, pairs=pairs)
    ratio = (mean_ratio if pairs else ratio_of_medians)(one, other, LEVEL / tested)
    told = ratio if significant else ratio.reaching(1.0)
    verdict: Verdict = "noise" if told.low <= 1 <= told.high else "differ"
    return Judgement(verdict, told.value, told.low, told.high, corrected, pairs)


def claims_difference(first: Rounds, second: Rounds, tested: int = 1) -> bool:
    """Whether ``judge`` says ``differ``, without an interval where that cannot change it."""
    one, other, pairs = _known(first, second)
    p = _exact_p(one, other, pairs)
    if p is None or p * tested > LEVEL:
        return False
    greater = {b > a for a, b in (zip(one, other, strict=True) if pairs else product(one, other))}
    return len(greater) == 1 or judge(first, second, tested).verdict == "differ"


def _known(first: Rounds, second: Rounds) -> tuple[list[float], list[float], int]:
    """Both sides' figures, and how many pairs they are: 0 when there are too few, and the sides are not aligned."""
    pairs = [(a, b) for a, b in zip(first, second, strict=False) if a is not None and b is not None]
    if len(pairs) >= ENOUGH_PAIRS:
        return [a for a, _ in pairs], [b for _, b in pairs], len(pairs)
    return [v for v in first if v is not None], [v for v in second if v is not None], 0


def _exact_p(one: list[float], other: list[float], pairs: int) -> float | None:
    """None below five rounds."""
    if pairs:
        positive = _positive(one, other)
        return signed_rank_p(log_ratios(one, other) if positive else [b - a for a, b in zip(one, other, strict=True)])
    return rank_sum_p(one, other) if min(len(one), len(other)) >= ENOUGH_ROUNDS else None


def _positive(one: list[float], other: list[float]) -> bool:
    return bool(one and other) and min(*one, *other) > 0


def _few(one: list[float], other: list[float]) -> Judgement:
    ratio = median(other) / median(one) if _positive(one, other) else None
    if min(len(one), len(other)) < 2:
        return Judgement("unknown", ratio)
    overlap = min(one) <= max(other) and min(other) <= max(one)
    return Judgement("noise" if overlap else "apart", ratio)
