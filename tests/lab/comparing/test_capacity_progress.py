"""How long searches for capacities are said to take, before they begin and while they run."""

from dataclasses import replace

import pytest

from lab.comparing.capacity.expecting import expected_searches, expected_steps
from lab.comparing.capacity.measuring import CapacitySettings
from lab.comparing.capacity.searching import Progress

SETTINGS = CapacitySettings(("events", "chain"))


@pytest.mark.parametrize(("first", "steps"), [(50, 10), (500, 7), (4000, 7)])
def test_a_search_is_expected_to_end_at_about_a_thousand_wherever_it_begins(first: float, steps: int) -> None:
    """Doublings and halvings, three steps for the last tenth, and one that is tried again."""
    assert len(expected_steps(replace(SETTINGS, first=first))) == 1 + steps


def test_what_it_takes_follows_from_its_settings() -> None:
    assert sum(expected_searches(SETTINGS)) == 2 * sum(expected_steps(SETTINGS))
    assert 90 < sum(expected_steps(SETTINGS)) < 180
    longer = replace(SETTINGS, seconds=16, precision=0.02)
    assert sum(expected_steps(longer)) > 2 * sum(expected_steps(SETTINGS))
    assert len(expected_steps(replace(SETTINGS, highest=100))) == 1 + 2 + 1, "50 and 100, and one again"


def test_each_step_is_told_with_the_time_that_is_left_of_all_searches() -> None:
    """Here all takes as long as expected, but the first search has four steps more."""
    told: list[tuple[str, float]] = []
    expected, now = expected_steps(SETTINGS), [0.0]
    progress = Progress(SETTINGS, lambda text, left: told.append((text, left.seconds())), lambda: now[0])
    for number in range(len(expected) + 4):
        progress.begins(0, number, f"events, step {number}")
        now[0] += expected[min(number, len(expected) - 1)]
    progress.begins(1, 0, "chain, a shop of its own")
    assert told[0] == ("[1/2] events, step 0", 2 * sum(expected))
    assert told[3][1] == pytest.approx(2 * sum(expected) - sum(expected[:3]))
    assert all(left > sum(expected) for _, left in told[:-1]), "the next search is still to come"
    text, left = told[-1]
    assert text == "[2/2] chain, a shop of its own"
    assert left == pytest.approx(now[0]), "it is expected to take as long"
