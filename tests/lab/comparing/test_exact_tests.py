"""The exact tests against every way there is, counted one by one."""

import math
from collections.abc import Sequence
from itertools import combinations, product
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.comparing.paired_ratio import mean_ratio
from lab.comparing.rank_sums import rank_sum_p, shift_interval
from lab.comparing.ratio import ratio_of_medians
from lab.comparing.signed_ranks import centre_interval, signed_rank_p

TIED = st.integers(-4, 4).map(float)
DIFFERENT = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))


slow = settings(deadline=None)
"""Counting every way takes as long as it takes."""


def mid_ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def counted_signed_rank_p(differences: Sequence[float]) -> float:
    told = [value for value in differences if value]
    ranks = mid_ranks([abs(value) for value in told])
    middle = sum(ranks) / 2
    far = abs(sum(rank for rank, value in zip(ranks, told, strict=True) if value > 0) - middle)
    sums = [
        sum(rank * sign for rank, sign in zip(ranks, signs, strict=True)) for signs in product((0, 1), repeat=len(told))
    ]
    return sum(abs(total - middle) >= far - 1e-9 for total in sums) / len(sums)


def counted_rank_sum_p(one: Sequence[float], other: Sequence[float]) -> float:
    ranks = mid_ranks([*one, *other])
    middle = len(one) * (len(ranks) + 1) / 2
    far = abs(sum(ranks[: len(one)]) - middle)
    sums = [sum(dealt) for dealt in combinations(ranks, len(one))]
    return sum(abs(total - middle) >= far - 1e-9 for total in sums) / len(sums)


@slow
@given(st.lists(TIED | DIFFERENT, max_size=9))
def test_signed_ranks_are_counted_right(differences: list[float]) -> None:
    assert signed_rank_p(differences) == pytest.approx(counted_signed_rank_p(differences))


@slow
@given(st.lists(TIED | DIFFERENT, min_size=1, max_size=6), st.lists(TIED | DIFFERENT, min_size=1, max_size=6))
def test_rank_sums_are_counted_right(one: list[float], other: list[float]) -> None:
    assert rank_sum_p(one, other) == pytest.approx(counted_rank_sum_p(one, other))


def test_the_rank_sum_test_gives_the_published_values() -> None:
    """Mann and Whitney, 5 and 5: of 252 deals 1 has U = 0, and 4 have U of at most 2; two-sided twice that."""
    assert rank_sum_p([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert rank_sum_p([1, 2, 3, 4, 7], [5, 6, 8, 9, 10]) == pytest.approx(8 / 252)
    assert rank_sum_p([2.0] * 5, [2.0] * 5) == 1.0


def test_the_signed_rank_test_gives_the_published_values() -> None:
    """Wilcoxon 1945: of 256 ways to sign eight ranks 5 have a sum of at most 3; two-sided twice that."""
    assert signed_rank_p([1, 2, 3, 4, 5, 6, 7, 8]) == pytest.approx(2 / 256)
    assert signed_rank_p([1, 2, -3, 4, 5, 6, 7, 8]) == pytest.approx(10 / 256)
    assert signed_rank_p([0.0] * 8) == 1.0


@slow
@given(st.lists(DIFFERENT, min_size=5, max_size=8, unique=True), st.sampled_from((0.05, 0.1)))
def test_a_centre_outside_its_interval_is_one_that_the_test_rejects(differences: list[float], level: float) -> None:
    found = centre_interval(differences, level)
    smallest = 2 / 2 ** len(differences)
    assert (found is None) == (smallest > level)
    if found is not None:
        for end, away in zip(found, (-1e-6, 1e-6), strict=True):
            assert signed_rank_p([value - end - away for value in differences]) <= level


@slow
@given(
    st.lists(DIFFERENT, min_size=4, max_size=6, unique=True), st.lists(DIFFERENT, min_size=4, max_size=6, unique=True)
)
def test_a_shift_outside_its_interval_is_one_that_the_test_rejects(one: list[float], other: list[float]) -> None:
    found = shift_interval(one, other, 0.05)
    assert found is not None
    for end, away in zip(found, (-1e-6, 1e-6), strict=True):
        assert rank_sum_p([value + end + away for value in one], other) <= 0.05


@settings(deadline=None, max_examples=25)
@given(*(st.lists(st.floats(1, 100), min_size=3, max_size=4) for _ in range(2)))
def test_the_bootstrap_of_medians_is_that_of_every_resample(one: list[float], other: list[float]) -> None:
    """At 40 %, where the exact test has nothing to add."""
    ratios = sorted(
        median(second) / median(first)
        for first in product(one, repeat=len(one))
        for second in product(other, repeat=len(other))
    )
    found = ratio_of_medians(one, other, 0.4)
    low, high = (ratios[math.ceil(len(ratios) * share - 1e-9) - 1] for share in (0.2, 0.8))
    assert found.low <= min(low, found.value) * (1 + 1e-9)
    assert found.high >= max(high, found.value) * (1 - 1e-9)


def test_the_bootstrap_of_pairs_is_close_to_that_of_every_resample() -> None:
    pairs = [1.1, 1.3, 0.9, 1.2, 1.05]
    means = sorted(math.exp(sum(map(math.log, drawn)) / 5) for drawn in product(pairs, repeat=5))
    found = mean_ratio([1.0] * 5, pairs, 0.05)
    assert found.value == pytest.approx(math.prod(pairs) ** 0.2)
    assert found.low == pytest.approx(means[int(len(means) * 0.025)], rel=0.02)
    assert found.high == pytest.approx(means[int(len(means) * 0.975)], rel=0.02)
