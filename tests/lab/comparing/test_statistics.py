"""What may be said about rounds."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.comparing.statistics import ENOUGH_PAIRS, ENOUGH_ROUNDS, LEVEL, Spread, judge

ROUNDS = st.lists(st.floats(0.01, 1e4), min_size=0, max_size=12)


def test_a_spread_is_the_median_with_the_range_of_the_rounds() -> None:
    assert Spread.of([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert Spread.of([None, None]) is None


def test_five_clearly_different_rounds_differ_in_six_figures_together() -> None:
    found = judge([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], tested=6)
    assert (found.verdict, found.pairs) == ("differ", 0)
    assert found.ratio == pytest.approx(8 / 3)
    assert found.p == pytest.approx(6 * 2 / 252)
    assert found.low is not None
    assert found.low > 1


def test_eight_rounds_are_judged_as_pairs_of_neighbours() -> None:
    """The machine becomes four times as slow: unpaired rounds would hide a tenth, neighbours show it."""
    first = [1.0, 1.2, 1.5, 1.9, 2.3, 2.8, 3.4, 4.1]
    found = judge(first, [1.1 * value for value in first], tested=6)
    assert (found.verdict, found.pairs) == ("differ", 8)
    assert found.ratio == pytest.approx(1.1)
    assert found.p == pytest.approx(6 * 2 / 256)
    assert judge(first[:7], [1.1 * value for value in first[:7]], tested=6).verdict == "noise"


def test_a_pair_needs_both_of_its_rounds() -> None:
    first: list[float | None] = [float(number) for number in range(1, 11)]
    second = [None, None, None, *first[3:]]
    assert judge(first, second, tested=6).pairs == 0
    assert judge(first, [None, *first[1:]], tested=6).pairs == 9


def test_the_same_difference_in_four_rounds_is_only_apart() -> None:
    found = judge([1, 2, 3, 4], [6, 7, 8, 9])
    assert (found.verdict, found.low, found.high, found.p) == ("apart", None, None, None)
    assert found.ratio == 3


def test_overlapping_rounds_are_noise() -> None:
    assert judge([1, 5, 3], [4, 6, 8]).verdict == "noise"
    assert judge([1, 5, 3, 4, 2], [4, 6, 2, 3, 5]).verdict == "noise"


def test_one_round_says_nothing() -> None:
    assert judge([1.0], [100.0]).verdict == "unknown"
    assert judge([None, None], [1.0, 2.0]).verdict == "unknown"
    assert judge([], []).verdict == "unknown"


@pytest.mark.parametrize("count", [5, 7, 8, 10])
def test_a_share_that_is_zero_in_one_wiring_has_no_ratio_but_a_verdict(count: int) -> None:
    found = judge([100.0] * count, [0.0] * count, tested=6)
    assert (found.verdict, found.ratio, found.low) == ("differ", None, None)
    assert judge([0.0] * count, [0.0] * count, tested=6).verdict == "noise"


@settings(deadline=None)
@given(ROUNDS, ROUNDS, st.integers(1, 7))
def test_interval_and_test_never_contradict_each_other(first: list[float], second: list[float], tested: int) -> None:
    found = judge(first, second, tested)
    if min(len(first), len(second)) < ENOUGH_ROUNDS:
        assert found.verdict != "differ"
        assert found.p is None
        return
    assert found.p is not None
    assert found.ratio is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.ratio <= found.high
    assert (found.verdict == "differ") == (found.p <= LEVEL and not found.low <= 1 <= found.high)
    assert found.p <= LEVEL or found.low <= 1 <= found.high
    assert (found.pairs > 0) == (min(len(first), len(second)) >= ENOUGH_PAIRS)


@settings(deadline=None)
@given(ROUNDS, ROUNDS)
def test_the_order_of_two_wirings_does_not_matter(first: list[float], second: list[float]) -> None:
    one, other = judge(first, second, 6), judge(second, first, 6)
    assert (one.verdict, one.p) == (other.verdict, pytest.approx(other.p) if other.p is not None else None)


def test_fewer_than_five_rounds_or_eight_pairs_cannot_carry_six_figures() -> None:
    """Why the two numbers are what they are: one less, and not even the clearest difference could be significant."""
    rounds = {
        n: 2 / sum(1 for _ in itertools.combinations(range(2 * n), n)) for n in (ENOUGH_ROUNDS - 1, ENOUGH_ROUNDS)
    }
    pairs = {n: 2 / 2**n for n in (ENOUGH_PAIRS - 1, ENOUGH_PAIRS)}
    assert [6 * p <= LEVEL for p in (*rounds.values(), *pairs.values())] == [False, True, False, True]
