"""Counting for exact rank tests: how many ways lead to a sum of ranks. Ties by mid-ranks, so everything is doubled."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate


def doubled_ranks(values: Sequence[float]) -> tuple[int, ...]:
    """Twice the rank of each value from the least one on: values that are equal share the middle of their ranks."""
    ordered = sorted(values)
    last = {value: place for place, value in enumerate(ordered)}
    first: dict[float, int] = {}
    for place, value in enumerate(ordered):
        first.setdefault(value, place)
    return tuple(first[value] + last[value] + 2 for value in values)


@lru_cache(maxsize=1024)
def subsets_by_sum(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """How many of all subsets have the sum s, for s = 0, 1, ...; give the ranks sorted."""
    ways = [1] + [0] * sum(ranks)
    for rank in ranks:
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return tuple(ways)


@lru_cache(maxsize=1024)
def deals_by_sum(ranks: tuple[int, ...], size: int) -> tuple[int, ...]:
    """How many of the subsets with ``size`` members have the sum s; give the ranks sorted."""
    most = sum(sorted(ranks)[len(ranks) - size :])
    ways = [[0] * (most + 1) for _ in range(size + 1)]
    ways[0][0] = 1
    for number, rank in enumerate(ranks, 1):
        for chosen in range(min(number, size), 0, -1):
            here, before = ways[chosen], ways[chosen - 1]
            for total in range(most, rank - 1, -1):
                here[total] += before[total - rank]
    return tuple(ways[size])


def two_sided(ways: Sequence[int], total: int) -> float:
    """The share of all ways whose sum is at least as far from the middle as ``total``; sums are distributed evenly
    around their middle, or nearly so with ties."""
    every = sum(ways)
    middle = sum(number * count for number, count in enumerate(ways)) / every
    distance = abs(total - middle)
    return sum(count for number, count in enumerate(ways) if abs(number - middle) >= distance - 1e-9) / every


def ends(ways: Sequence[int], level: float) -> int:
    """How many sums from the lower end on are together at most half of ``level`` likely."""
    every = sum(ways)
    return sum(below / every <= level / 2 for below in accumulate(ways))
