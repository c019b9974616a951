"""Tentative deliveries as a state machine: whatever is asked, in whatever order and however often."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from delivery_svc import tries
from delivery_svc.domain import Delivery, Details, State

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
DETAILS = Details(2, "MASK", 1, "c-42", "Kim", "Seoul")
STEPS = st.lists(st.sampled_from(["try", "other", "confirm", "cancel", "expire", "wait", "complete"]), max_size=20)
FINAL = {State.COMPLETED, State.CANCELLED, State.EXPIRED}


def play(steps: list[str]) -> tuple[Delivery, list[State]]:
    """The delivery afterwards, and its states after each step. A try has ten seconds, a wait takes four."""
    delivery, now, seen = Delivery(UUID(int=1), UUID(int=2)), BEGIN, []
    for verb in steps:
        now += timedelta(seconds=4 if verb == "wait" else 0)
        try:
            if verb in ("try", "other"):
                details = DETAILS if verb == "try" else Details(2, "MASK", 2, "c-42", "Kim", "Busan")
                tries.attempt(delivery, details, at=now, until=now + timedelta(seconds=10))
            elif verb == "confirm":
                tries.confirm(delivery, at=now)
            elif verb == "cancel":
                tries.cancel(delivery, at=now)
            elif verb == "expire":
                tries.expire(delivery, at=now)
            elif verb == "complete" and delivery.state is State.STARTED:
                delivery.complete(at=now)
        except tries.TryRefused:
            pass
        seen.append(delivery.state)
    return delivery, seen


@given(STEPS)
def test_what_was_decided_once_stays(steps: list[str]) -> None:
    _, seen = play(steps)
    for before, after in pairwise(seen):
        assert before not in FINAL or after is before
        assert before is not State.STARTED or after in (State.STARTED, State.COMPLETED)


@given(STEPS)
def test_it_starts_only_with_what_was_tried_first_and_within_its_time(steps: list[str]) -> None:
    delivery, seen = play(steps)
    if State.STARTED in seen:
        started = seen.index(State.STARTED)
        tried = next(number for number, verb in enumerate(steps) if verb in ("try", "other"))
        assert steps[tried:started].count("wait") * 4 < 10
        assert delivery.details is not None
        assert delivery.details.address == ("Seoul" if steps[tried] == "try" else "Busan")


@given(STEPS)
def test_only_what_is_tentative_has_a_time_to_be_up(steps: list[str]) -> None:
    delivery, _ = play(steps)
    assert (delivery.expires_at is not None) == (delivery.state is State.TENTATIVE)


@given(STEPS)
def test_a_step_that_is_repeated_at_once_changes_nothing(steps: list[str]) -> None:
    twice = [again for verb in steps for again in ((verb, verb) if verb != "wait" else (verb,))]
    assert _told(play(twice)[0]) == _told(play(steps)[0])


def _told(delivery: Delivery) -> dict[str, Any]:
    return {name: value for name, value in asdict(delivery).items() if name != "events"}
