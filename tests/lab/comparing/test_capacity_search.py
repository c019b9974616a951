"""The search for the highest rate that holds, whatever holds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.comparing.capacity.search import search

LOWEST, HIGHEST = 1.0, 5000.0
rates = st.floats(LOWEST, HIGHEST)
precisions = st.sampled_from([0.02, 0.05, 0.1, 0.5])


def carried_out(
    held: "list[bool] | float", first: float, precision: float
) -> tuple[float | None, list[tuple[float, bool]]]:
    """What it returns, and what it tried. ``held`` is the rate up to which all hold, or the answers one after another
    (the last one again and again)."""
    steps = search(first, lowest=LOWEST, highest=HIGHEST, precision=precision)
    tried: list[tuple[float, bool]] = []
    rate = next(steps)
    while True:
        answer = held[min(len(tried), len(held) - 1)] if isinstance(held, list) else rate <= held
        tried.append((rate, answer))
        try:
            rate = steps.send(answer)
        except StopIteration as end:
            return end.value, tried


@given(limit=st.floats(0.1, 2 * HIGHEST), first=rates, precision=precisions)
def test_the_limit_is_found_to_the_precision(limit: float, first: float, precision: float) -> None:
    found, tried = carried_out(limit, first, precision)
    if limit < LOWEST:
        assert found is None
    elif limit >= HIGHEST:
        assert found == HIGHEST
    else:
        assert found is not None
        assert found <= limit
        fell = min(rate for rate, held in tried if not held)
        assert limit < fell <= found * (1 + precision)
    assert len(tried) <= 2 + math.log2(HIGHEST / LOWEST) + math.log2(1 / math.log2(1 + precision)) + 1


@given(answers=st.lists(st.booleans(), min_size=1), first=rates, precision=precisions)
def test_whatever_is_answered_it_ends_and_tries_no_rate_twice(
    answers: list[bool], first: float, precision: float
) -> None:
    found, tried = carried_out(answers, first, precision)
    assert len({rate for rate, _ in tried}) == len(tried)
    assert all(LOWEST <= rate <= HIGHEST for rate, _ in tried)
    assert found in [rate for rate, held in tried if held] or found is None
    assert (found is None) == (not any(held for _, held in tried))


@pytest.mark.parametrize(
    "asked",
    [
        {"first": 0.5, "precision": 0.1},
        {"first": 6000.0, "precision": 0.1},
        {"first": 50.0, "precision": 0.0},
        {"first": 50.0, "precision": float("nan")},
    ],
)
def test_a_search_that_cannot_be_is_refused(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        next(search(lowest=LOWEST, highest=HIGHEST, **asked))
