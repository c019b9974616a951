"""How events are counted: pure, and the same however often they are read and however they are cut into batches.

A ``Minute`` is a value that says up to where it is complete (``next_offset``), so it can be compared: of two values of
one minute, whoever made them, the one that goes further contains the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from events.arrivals import Arrival
from events.catalogue import Event, OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected

MINUTE_MS = 60_000

COUNTERS: Mapping[type[Event], str] = {
    OrderPlaced: "placed",
    OrderConfirmed: "confirmed",
    OrderRejected: "rejected",
    OrderCancelled: "cancelled",
}


class Place(NamedTuple):
    """A partition and the beginning of a minute."""

    partition: int
    minute: datetime


@dataclass(slots=True)
class Minute:
    """All events of one partition and minute below ``next_offset``. ``products``: id -> (orders placed, their units)"""

    placed: int = 0
    confirmed: int = 0
    rejected: int = 0
    cancelled: int = 0
    next_offset: int = 0
    products: dict[int, tuple[int, int]] = field(default_factory=dict)

    def copy(self) -> "Minute":
        return Minute(
            self.placed, self.confirmed, self.rejected, self.cancelled, self.next_offset, self.products.copy()
        )

    def count(self, event: Event, offset: int) -> None:
        name = COUNTERS[type(event)]
        setattr(self, name, getattr(self, name) + 1)
        if isinstance(event, OrderPlaced):
            orders, units = self.products.get(event.product_id, (0, 0))
            self.products[event.product_id] = (orders + 1, units + event.quantity)
        self.next_offset = offset + 1


class Counted(NamedTuple):
    """A minute as it is now, and which products were ordered in the events at hand."""

    minute: Minute
    products: set[int]


def count(
    known: Mapping[Place, Minute], arrivals: Iterable[Arrival], *, floors: Mapping[int, int], since: datetime
) -> dict[Place, Counted]:
    """The minutes that ``arrivals`` (in the order of their offsets) belong to, as they are with them. ``known`` stays
    as it is.

    Passed over is what was counted before: an offset below its minute's ``next_offset``, or below its partition's floor
    (0 where it has none). So is what belongs to a minute before ``since``.
    """
    counted: dict[Place, Counted] = {}
    for arrival in arrivals:
        record, envelope = arrival.record, arrival.envelope
        if envelope is None:
            continue
        place = Place(record.partition, minute_of(record.timestamp))
        if place.minute < since:
            continue
        if place not in counted:
            counted[place] = Counted(known[place].copy() if place in known else Minute(), set())
        minute, products = counted[place]
        if isinstance(envelope.data, OrderPlaced):
            products.add(envelope.data.product_id)
        if record.offset >= max(minute.next_offset, floors.get(record.partition, 0)):
            minute.count(envelope.data, record.offset)
    return {place: one for place, one in counted.items() if one.minute.next_offset}


def minute_of(timestamp_ms: int) -> datetime:
    """The beginning of the minute, of milliseconds since 1970."""
    return datetime.fromtimestamp(timestamp_ms // MINUTE_MS * 60, UTC)


def further(one: Minute | None, other: Minute) -> Minute:
    """The one that contains the other."""
    return other if one is None or other.next_offset > one.next_offset else one


def to_json(minute: Minute) -> dict[str, Any]:
    """What the Faust table holds. The names are short: a minute is written anew with every batch."""
    return {
        "n": minute.next_offset,
        "c": [minute.placed, minute.confirmed, minute.rejected, minute.cancelled],
        "p": {str(product_id): pair for product_id, pair in minute.products.items()},
    }


def from_json(value: Mapping[str, Any]) -> Minute:
    products = {int(product_id): (orders, units) for product_id, (orders, units) in value["p"].items()}
    placed, confirmed, rejected, cancelled = value["c"]
    return Minute(placed, confirmed, rejected, cancelled, value["n"], products)
