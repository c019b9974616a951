"""What may be said about rounds."""

import pytest

from lab.comparing.statistics import Spread, judge, rank_sum_p


def test_a_spread_is_the_median_with_the_range_of_the_rounds() -> None:
    assert Spread.of([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert Spread.of([None, None]) is None


def test_five_clearly_different_rounds_differ() -> None:
    assert judge([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == "differ"


def test_the_same_difference_in_four_rounds_is_only_apart() -> None:
    assert judge([1, 2, 3, 4], [6, 7, 8, 9]) == "apart"


def test_overlapping_ranges_are_noise() -> None:
    assert judge([1, 5, 3], [4, 6, 8]) == "noise"
    assert judge([1, 5, 3, 4, 2], [4, 6, 2, 3, 5]) == "noise"


def test_one_round_says_nothing() -> None:
    assert judge([1.0], [100.0]) == "unknown"
    assert judge([None, None], [1.0, 2.0]) == "unknown"


def test_the_exact_rank_sum_test_gives_the_published_values() -> None:
    """Mann and Whitney, 5 and 5: of 252 deals 1 has U = 0, and 4 have U of at most 2; two-sided twice that."""
    assert rank_sum_p([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert rank_sum_p([1, 2, 3, 4, 7], [5, 6, 8, 9, 10]) == pytest.approx(8 / 252)


def test_equal_rounds_are_certainly_no_difference() -> None:
    assert rank_sum_p([2.0] * 5, [2.0] * 5) == 1.0
