"""A run that does not come to its end says how far it came, and why."""

import asyncio
from typing import Any

import pytest

from lab.comparing.stopping import how_far, stoppable
from lab.running.errors import ShopError


def kept(rounds: int, **other: Any) -> dict[str, Any]:
    return {"stopped": None, "rounds": [{}] * rounds} | other


def ended_by(error: BaseException, document: dict[str, Any], **planned: int) -> Any:
    """What the document says then."""
    with pytest.raises(type(error)), stoppable(document, **planned):
        raise error
    return document["stopped"]


def test_a_whole_run_was_not_stopped() -> None:
    document = kept(4)
    with stoppable(document, rounds=4):
        assert document["stopped"] is None
    assert document["stopped"] is None


def test_who_stops_it_needs_no_reason_and_what_went_wrong_is_one() -> None:
    assert ended_by(asyncio.CancelledError(), kept(1), rounds=4) == {"rounds_done": 1, "rounds_planned": 4}
    assert ended_by(ShopError("PostgreSQL is away"), kept(1), rounds=4)["why"] == "PostgreSQL is away"
    assert ended_by(KeyError("rate"), kept(1), rounds=4)["why"] == "KeyError: 'rate'"


def test_searches_that_come_after_the_rounds_are_counted_too() -> None:
    document = kept(3, failed=[{"round": 0}, {"round": 2}], capacity=[{"ended": True}, {"ended": False}])
    found = ended_by(asyncio.CancelledError(), document, searches=3)
    assert found == {"rounds_done": 3, "rounds_planned": 4, "searches_done": 1, "searches_planned": 3}
    assert how_far(found) == "3 of 4 rounds and 1 of 3 searches for the capacity"


def test_searches_that_were_to_come_are_told_when_the_rounds_are_stopped() -> None:
    document = kept(1)
    with pytest.raises(ShopError), stoppable(document, searches=2), stoppable(document, rounds=4):
        raise ShopError("it died")
    expected = {"rounds_done": 1, "rounds_planned": 4, "searches_done": 0, "searches_planned": 2, "why": "it died"}
    assert document["stopped"] == expected
    assert how_far(expected) == "1 of 4 rounds and 0 of 2 searches for the capacity (it died)"


def test_a_reason_of_many_lines_is_told_in_one() -> None:
    said = how_far({"rounds_done": 1, "rounds_planned": 2, "why": "orders died; its last lines:\n    " + "x" * 900})
    assert said.startswith("1 of 2 rounds (orders died; its last lines: xxx")
    assert len(said) < 350
