"""Wilcoxon's signed-rank test (1945), exact: pairs of neighbours in time, judged by their differences."""

from collections.abc import Sequence

from lab.comparing.exact import doubled_ranks, ends, subsets_by_sum, two_sided


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p: of all ways to sign the ranks of the differences, the share that is at least as far from the middle.
    Differences of zero say nothing and are left out; ties by mid-ranks."""
    told = [value for value in differences if value != 0]
    if not told:
        return 1.0
    ranks = doubled_ranks([abs(value) for value in told])
    positive = sum(rank for rank, value in zip(ranks, told, strict=True) if value > 0)
    return two_sided(subsets_by_sum(tuple(sorted(ranks))), positive)


def centre_interval(differences: Sequence[float], level: float) -> tuple[float, float] | None:
    """The centres that the test would not reject at ``level``, from least to most: Walsh averages (Hodges and Lehmann
    1963). None when there are too few pairs to reject anything."""
    count = len(differences)
    averages = sorted((one + other) / 2 for number, one in enumerate(differences) for other in differences[number:])
    cut = ends(subsets_by_sum(tuple(range(1, count + 1))), level)
    return (averages[cut - 1], averages[-cut]) if cut else None
