"""Counting is the same however often records are read, and however they are cut into batches."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from events.arrivals import Arrival, Identity
from events.catalogue import Event, OrderCancelled, OrderConfirmed, OrderRejected
from events.envelope import Envelope, record
from orders_svc.read_models.live_figures.counting import Minute, Place, count, from_json, further, minute_of, to_json
from tests.events.stand import NOON, placed

SINCE = NOON - timedelta(hours=2)


@dataclass(frozen=True)
class Told:
    """A record of which only place and time matter."""

    partition: int
    offset: int
    timestamp: int
    topic: str = "t.orders"
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def arrival(offset: int, *, event: str = "placed", product: int = 2, units: int = 1, second: float = 0.0) -> Arrival:
    at = Told(0, offset, int((NOON.timestamp() + second) * 1000))
    return Arrival(at, Identity("s", str(offset)), envelope=_envelope(event, product, units))


def _envelope(event: str, product: int, units: int) -> Envelope[Event] | None:
    outcome: dict[str, Any] = {"order_id": uuid.uuid4(), "product_id": product, "quantity": units, "amount": 1}
    if event == "placed":
        return placed(product_id=product, quantity=units)
    made: dict[str, Event] = {
        "confirmed": OrderConfirmed(**outcome),
        "rejected": OrderRejected(**outcome, reason="none left"),
        "cancelled": OrderCancelled(**outcome, reason="changed my mind"),
    }
    return record(made[event], sequence=2, time=NOON) if event in made else None


@st.composite
def logs(draw: st.DrawFn) -> list[Arrival]:
    """A partition: offsets without gaps, a clock that never goes back, also records that are of no interest."""
    kinds = st.sampled_from(["placed", "placed", "confirmed", "rejected", "cancelled", "none of ours"])
    drawn = draw(st.lists(st.tuples(kinds, st.integers(1, 3), st.integers(1, 4), st.integers(0, 40)), max_size=25))
    found, second = [], 0
    for offset, (event, product, units, pause) in enumerate(drawn):
        second += pause
        found.append(arrival(offset, event=event, product=product, units=units, second=second))
    return found


@given(logs(), st.data())
def test_any_batches_and_any_repetition_give_the_same(log: list[Arrival], data: st.DataObject) -> None:
    known: dict[Place, Minute] = {}
    reached = 0
    while reached < len(log):
        begin = data.draw(st.integers(0, reached), "read again from")
        end = data.draw(st.integers(reached + 1, len(log)), "to")
        known = _after(known, log[begin:end])
        reached = end
    assert known == _after({}, log)


@given(logs(), st.data())
def test_whoever_lags_behind_catches_up_with_whoever_went_further(log: list[Arrival], data: st.DataObject) -> None:
    """Minutes from places that come back differently old, and a position that is not ahead of any of them."""
    position = data.draw(st.integers(0, len(log)), "position")
    sources = [_after({}, log[: data.draw(st.integers(position, len(log)))]) for _ in range(3)]
    known: dict[Place, Minute] = {}
    for source in sources:
        for place, minute in source.items():
            known[place] = further(known.get(place), minute)
    assert _after(known, log[position:]) == _after({}, log)


@given(logs(), st.integers(0, 25))
def test_what_lies_below_the_floor_was_dealt_with(log: list[Arrival], floor: int) -> None:
    assert _after({}, log, floor=floor) == _after({}, log[floor:])


@given(logs())
def test_a_minute_comes_back_from_json_as_it_was(log: list[Arrival]) -> None:
    for minute in _after({}, log).values():
        assert from_json(orjson.loads(orjson.dumps(to_json(minute)))) == minute


def test_each_event_belongs_to_the_minute_in_which_the_broker_appended_it() -> None:
    known = _after(
        {},
        [
            arrival(0, second=59.999),
            arrival(1, second=60),
            arrival(2, event="rejected", second=61),
            arrival(3, product=5, units=3, second=62),
        ],
    )
    assert known == {
        Place(0, NOON): Minute(placed=1, next_offset=1, products={2: (1, 1)}),
        Place(0, NOON + timedelta(minutes=1)): Minute(
            placed=2, rejected=1, next_offset=4, products={2: (1, 1), 5: (1, 3)}
        ),
    }


def test_what_is_too_old_is_not_counted() -> None:
    old = arrival(0, second=-7200 - 60)
    assert count({}, [old], floors={0: 0}, since=SINCE) == {}


def test_counting_changes_nothing_that_is_known() -> None:
    known = _after({}, [arrival(0)])
    before = {place: replace(minute, products=dict(minute.products)) for place, minute in known.items()}
    count(known, [arrival(1)], floors={0: 0}, since=SINCE)
    assert known == before


def test_the_products_of_repeated_records_are_written_again_too() -> None:
    known = _after({}, [arrival(0, product=7), arrival(1, product=8)])
    again = count(known, [arrival(0, product=7)], floors={0: 0}, since=SINCE)
    (counted,) = again.values()
    assert (counted.minute, counted.products) == (known[Place(0, NOON)], {7})


def test_minutes_are_those_of_the_clock() -> None:
    assert minute_of(int(NOON.timestamp() * 1000) + 59_999) == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _after(known: dict[Place, Minute], log: Sequence[Arrival], *, floor: int = 0) -> dict[Place, Minute]:
    counted = count(known, log, floors={0: floor}, since=SINCE)
    return known | {place: minute for place, (minute, _) in counted.items()}
