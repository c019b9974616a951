"""The rules by which a three-phase transaction ends without its coordinator, over every combination of states."""

from itertools import product

import pytest

from kit.three_phase.states import FINAL, State, by_time_out, outcome, when_asked

READY, PRE_COMMITTED, COMMITTED, ABORTED = State


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (READY, READY, ABORTED),
        (READY, None, ABORTED),
        (READY, ABORTED, ABORTED),
        (READY, PRE_COMMITTED, COMMITTED),
        (READY, COMMITTED, COMMITTED),
        (PRE_COMMITTED, READY, COMMITTED),
        (PRE_COMMITTED, None, COMMITTED),
        (PRE_COMMITTED, ABORTED, ABORTED),
        (PRE_COMMITTED, PRE_COMMITTED, COMMITTED),
        (PRE_COMMITTED, COMMITTED, COMMITTED),
    ],
)
def test_anyone_aborted_aborts_else_anyone_pre_committed_commits_else_it_is_aborted(
    own: State, other: State | None, expected: State
) -> None:
    assert outcome([own, other]) is expected


@pytest.mark.parametrize(("asker", "asked"), list(product((READY, PRE_COMMITTED), (None, *State))))
def test_whoever_asks_and_whoever_is_asked_end_the_same_way_whoever_goes_on_first(
    asker: State, asked: State | None
) -> None:
    """The coordinator commits only after both have pre-committed, and nobody pre-commits before both were ready."""
    impossible = {(READY, COMMITTED), (PRE_COMMITTED, None)}
    if (asker, asked) in impossible:
        return
    answered = when_asked(asked, asker)
    ends = outcome([asker, answered])
    assert answered in (ends, PRE_COMMITTED)
    if answered not in FINAL:
        assert outcome([answered, asker]) is ends
        assert outcome([answered, ends]) is ends


@pytest.mark.parametrize("other", [None, *State])
def test_an_answer_does_not_change_when_it_is_asked_for_again(other: State | None) -> None:
    for asker in (READY, PRE_COMMITTED):
        once = when_asked(other, asker)
        assert when_asked(once, asker) is once


def test_by_time_outs_alone_two_that_the_coordinator_left_in_different_states_go_different_ways() -> None:
    assert by_time_out(PRE_COMMITTED) is COMMITTED
    assert by_time_out(READY) is ABORTED
