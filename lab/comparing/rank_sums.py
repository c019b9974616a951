"""The rank-sum test (Wilcoxon 1945, Mann and Whitney 1947), exact: two sets of rounds that are not paired."""

from collections.abc import Sequence

from lab.comparing.exact import deals_by_sum, doubled_ranks, ends, two_sided


def rank_sum_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p: of all ways to deal the pooled ranks out, the share that is at least as far from the middle. Ties by
    mid-ranks."""
    ranks = doubled_ranks([*one, *other])
    return two_sided(deals_by_sum(tuple(sorted(ranks)), len(one)), sum(ranks[: len(one)]))


def shift_interval(one: Sequence[float], other: Sequence[float], level: float) -> tuple[float, float] | None:
    """What may be added to all of ``one`` before the test rejects at ``level`` that both are alike, from least to most
    (Hodges and Lehmann 1963). None when there are too few rounds to reject anything."""
    shifts = sorted(second - first for first in one for second in other)
    least = len(one) * (len(one) + 1) // 2
    ways = deals_by_sum(tuple(range(1, len(one) + len(other) + 1)), len(one))
    cut = ends(ways[least:], level)
    return (shifts[cut - 1], shifts[-cut]) if cut else None
