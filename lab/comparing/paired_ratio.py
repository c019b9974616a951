"""The ratio of two wirings in rounds that are neighbours in time: a slower machine slows both of a pair down."""

import math
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter

from lab.comparing.ratio import Ratio
from lab.comparing.signed_ranks import centre_interval

_RESAMPLES = 2000


def mean_ratio(one: Sequence[float], other: Sequence[float], level: float) -> Ratio:
    """The geometric mean of the pairs' ratios, of two pairs or more; all must be above zero. The interval is the
    percentile bootstrap's over pairs at ``level`` for the chance of its missing, with the same resamples at every call,
    widened to what the exact signed-rank test cannot exclude."""
    logs = log_ratios(one, other)
    value = math.exp(sum(logs) / len(logs))
    sums = sorted(sum(resample(logs)) for resample in _resamples(len(logs)))
    beyond = int(_RESAMPLES * level / 2)
    ends = [sums[beyond] / len(logs), sums[-beyond - 1] / len(logs), *(centre_interval(logs, level) or ())]
    return Ratio(value, min(value, math.exp(min(ends))), max(value, math.exp(max(ends))))


def log_ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """One a pair; rounded so that a ratio and its inverse are as far from nothing as each other."""
    return [round(math.log(second / first), 12) for first, second in zip(one, other, strict=True)]


@lru_cache(maxsize=64)
def _resamples(count: int) -> tuple[Callable[[list[float]], tuple[float, ...]], ...]:
    draw = random.Random(count)
    return tuple(itemgetter(*draw.choices(range(count), k=count)) for _ in range(_RESAMPLES))
