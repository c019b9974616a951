"""The ratio of two wirings' medians, with the interval that the rounds allow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from lab.comparing.rank_sums import shift_interval


@dataclass(frozen=True)
class Ratio:
    """The second wiring's figure for one of the first's, and the ends of its interval."""

    value: float
    low: float
    high: float

    def reaching(self, value: float) -> "Ratio":
        """Widened until it holds ``value``."""
        return Ratio(self.value, min(self.low, value), max(self.high, value))


def ratio_of_medians(one: Sequence[float], other: Sequence[float], level: float) -> Ratio:
    """The median of ``other`` over that of ``one``; all must be above zero. The interval is the percentile bootstrap's
    (Efron 1979) at ``level`` for the chance of its missing, without sampling: which median a resample has is known
    exactly. It is widened to what the exact rank-sum test cannot exclude."""
    value = median(other) / median(one)
    weighted = sorted(
        (second / first, share * part)
        for first, share in _resampled_medians(tuple(sorted(one)))
        for second, part in _resampled_medians(tuple(sorted(other)))
    )
    low, high = _quantile(weighted, level / 2), _quantile(weighted, 1 - level / 2)
    ends = shift_interval([math.log(v) for v in one], [math.log(v) for v in other], level)
    found = Ratio(value, min(low, value), max(high, value))
    return found if ends is None else found.reaching(math.exp(ends[0])).reaching(math.exp(ends[1]))


@lru_cache(maxsize=256)
def _resampled_medians(ordered: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Each median that a resample with replacement can have, with its probability."""
    count, half = len(ordered), len(ordered) // 2
    if count % 2:
        up_to = [_at_least(half + 1, count, place / count) for place in range(count + 1)]
        return tuple((value, up_to[i + 1] - up_to[i]) for i, value in enumerate(ordered))
    up_to = [_at_least(half, count, place / count) for place in range(count + 1)]
    found = []
    for i, lower in enumerate(ordered):
        left = ((i + 1) / count) ** half - (i / count) ** half
        same = up_to[i + 1] - up_to[i]
        for j in range(i + 1, count):
            right = ((count - j) / count) ** half - ((count - j - 1) / count) ** half
            both = math.comb(count, half) * left * right
            same -= both
            found.append(((lower + ordered[j]) / 2, both))
        found.append((lower, same))
    return tuple(found)


def _at_least(least: int, draws: int, chance: float) -> float:
    """The probability of at least so many hits."""
    return sum(math.comb(draws, n) * chance**n * (1 - chance) ** (draws - n) for n in range(least, draws + 1))


def _quantile(weighted: Sequence[tuple[float, float]], share: float) -> float:
    """The least value up to which lies at least that share."""
    below = 0.0
    for value, weight in weighted:
        below += weight
        if below >= share - 1e-12:
            return value
    return weighted[-1][0]
