"""Rounds in one figure, and what may be said about the difference of two: nothing more than the rounds carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Literal

Verdict = Literal["differ", "noise", "apart", "unknown"]
"""differ: significant at 5 %, from at least five rounds each. apart: fewer rounds, ranges do not overlap; nothing is
claimed beyond that. noise: the difference is within what rounds of the same wiring differ by. unknown: no figures, or
one round only, which says nothing about how far rounds differ by themselves."""

ENOUGH_ROUNDS = 5


@dataclass(frozen=True)
class Spread:
    """The median over rounds, with the range of the rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Spread | None":
        """None when no round has a figure."""
        known = [value for value in values if value is not None]
        return cls(median(known), min(known), max(known), len(known)) if known else None


def judge(first: Sequence[float | None], second: Sequence[float | None]) -> Verdict:
    """What may be said about two wirings' rounds."""
    one, other = [v for v in first if v is not None], [v for v in second if v is not None]
    if min(len(one), len(other)) < 2:
        return "unknown"
    if min(len(one), len(other)) >= ENOUGH_ROUNDS:
        return "differ" if rank_sum_p(one, other) < 0.05 else "noise"
    return "noise" if _overlap(one, other) else "apart"


def rank_sum_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of the exact rank-sum test (Wilcoxon 1945, Mann and Whitney 1947), ties by mid-ranks: of all ways to
    deal the pooled ranks out, the share that is at least as far from the middle. Meant for rounds, so a dozen each at
    most are looked at (the first ones)."""
    one, other = one[:12], other[:12]
    ranks = _mid_ranks([*one, *other])
    middle = len(one) * (len(one) + len(other) + 1) / 2
    distance = abs(sum(ranks[: len(one)]) - middle)
    every = as_extreme = 0
    for chosen in combinations(ranks, len(one)):
        every += 1
        as_extreme += abs(sum(chosen) - middle) >= distance - 1e-9
    return as_extreme / every


def _mid_ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return min(one) <= max(other) and min(other) <= max(one)
