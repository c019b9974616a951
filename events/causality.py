"""One order's events of all topics in causal order: what can only follow comes after what it follows.

Services' clocks differ, so time alone would show an effect before its cause. What is certain comes first: within a
topic the sequence, between topics what the domains allow (``CAUSES``, and which answer belongs to which request). Only
what is free by that is put in order by business time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple, TypeVar

from events.catalogue import (
    CancellationRefused,
    DeliveryCancelled,
    DeliveryCompleted,
    DeliveryStarted,
    Event,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
    StockRejected,
    StockReleased,
    StockReserved,
)

T = TypeVar("T")

CAUSES: Mapping[type[Event], Sequence[type[Event]]] = {
    StockReserved: (OrderPlaced,),
    StockRejected: (OrderPlaced,),
    StockReleased: (StockReserved, OrderCancelled),
    DeliveryStarted: (OrderPlaced, StockReserved),
    DeliveryCompleted: (DeliveryStarted,),
    DeliveryCancelled: (OrderCancellationRequested,),
    CancellationRefused: (DeliveryCompleted, OrderCancellationRequested),
    OrderConfirmed: (DeliveryStarted,),
    OrderRejected: (StockRejected,),
    OrderCancellationRequested: (OrderPlaced,),
    OrderCancelled: (DeliveryCancelled,),
}
"""What must have happened, at least once, before an event of the type can."""

_ANSWERS = (DeliveryCancelled.__name__, CancellationRefused.__name__)


class Happening(NamedTuple):
    """What the order depends on. ``what`` is the event's name (``OrderPlaced``), ``time`` its business time as Unix
    time. What is not known about a record is None; it goes by its time then."""

    what: str | None
    topic: str
    sequence: int | None
    time: float


def in_causal_order(items: Iterable[T], happening: Callable[[T], Happening]) -> list[T]:
    """All ``items`` of one order, in causal order.

    Copies of an event (same topic, name and sequence) stand side by side as they came. Never raises on strange input:
    causes that are missing are not waited for, unknown names go by sequence and time, and where the rules contradict
    each other time decides.
    """
    groups: dict[object, list[T]] = {}
    seen: dict[object, Happening] = {}
    for number, item in enumerate(items):
        one = happening(item)
        identity = number if one.what is None or one.sequence is None else one[:3]
        groups.setdefault(identity, []).append(item)
        seen.setdefault(identity, one)
    nodes, happenings = list(groups), list(seen.values())
    return [item for place in _sorted(happenings, _follows(happenings)) for item in groups[nodes[place]]]


def _follows(happenings: Sequence[Happening]) -> set[tuple[int, int]]:
    """(earlier, later), as indexes."""
    by_topic: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    by_name: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(happenings):
        if one.sequence is not None:
            by_topic[one.topic][one.sequence].append(place)
            if one.what is not None:
                by_name[one.what].append(place)
    for places in by_name.values():
        places.sort(key=lambda place: happenings[place].sequence or 0)
    follows: set[tuple[int, int]] = set()
    for sequences in by_topic.values():
        for earlier, later in pairwise(sorted(sequences)):
            follows |= {(cause, effect) for cause in sequences[earlier] for effect in sequences[later]}
    for what, causes in _ALL_CAUSES.items():
        follows |= {(by_name[cause][0], place) for place in by_name[what] for cause in causes if by_name[cause]}
    return follows | _answered(happenings, by_name)


def _answered(happenings: Sequence[Happening], by_name: Mapping[str, list[int]]) -> set[tuple[int, int]]:
    """Delivery answers requests one by one; an order confirmed right after a request was so by that one's refusal."""
    requests = by_name[OrderCancellationRequested.__name__]
    answers = sorted(
        (place for name in _ANSWERS for place in by_name[name]), key=lambda place: happenings[place].sequence or 0
    )
    follows = set(zip(requests, answers, strict=False))
    confirmed = {happenings[place].sequence: place for place in by_name[OrderConfirmed.__name__]}
    for request, answer in zip(requests, answers, strict=False):
        back = confirmed.get((happenings[request].sequence or 0) + 1)
        if back is not None and happenings[answer].what == CancellationRefused.__name__:
            follows.add((answer, back))
    return follows


def _sorted(happenings: Sequence[Happening], follows: Iterable[tuple[int, int]]) -> list[int]:
    """Of all that have nothing to wait for, always the one with the earliest time next."""
    waits_for, later = [0] * len(happenings), defaultdict(list)
    for cause, effect in follows:
        if cause != effect:
            waits_for[effect] += 1
            later[cause].append(effect)
    by_time = sorted(range(len(happenings)), key=lambda place: happenings[place].time, reverse=True)
    ready: list[tuple[float, int]] = []
    for place, count in enumerate(waits_for):
        if count == 0:
            heappush(ready, (happenings[place].time, place))
    found: dict[int, None] = {}
    while len(found) < len(happenings):
        if ready:
            _, place = heappop(ready)
        else:  # the rest wait for each other
            place = by_time.pop()
        if place in found:
            continue
        found[place] = None
        for effect in later[place]:
            waits_for[effect] -= 1
            if waits_for[effect] == 0:
                heappush(ready, (happenings[effect].time, effect))
    return list(found)


def _transitively(causes: Mapping[type[Event], Sequence[type[Event]]]) -> dict[str, set[str]]:
    """Also what is further back, so that a cause in between may be missing."""

    def back(event: type[Event]) -> set[str]:
        return {name for cause in causes.get(event, ()) for name in (cause.__name__, *back(cause))}

    return {event.__name__: back(event) for event in causes}


_ALL_CAUSES = _transitively(CAUSES)
