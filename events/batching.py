"""Cuts a batch of events into groups of one type each, without reordering anything that has an order.

Handlers are given many events of one type at a time. That reorders events of different types, which is right for
different aggregates and wrong for one: placed, then cancelled, must stay so. A batch is therefore cut into segments;
inside a segment the types are handled one after the other, and no aggregate's events change places by it.
"""

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

from events.catalogue import Event
from events.envelope import Envelope

T = TypeVar("T", bound=Envelope[Any])


def groups(envelopes: Iterable[T]) -> list[tuple[type[Event], list[T]]]:
    """Groups of one event type, to be handled in this order.

    All events are in exactly one group; events of one type and segment share a group; the events of one aggregate
    (topic and key) come in their original order.
    """
    done: list[tuple[type[Event], list[T]]] = []
    segment: dict[type[Event], list[T]] = {}
    rank: dict[type[Event], int] = {}
    reached: dict[Hashable, int] = {}
    for envelope in envelopes:
        event_type = type(envelope.data)
        aggregate = (envelope.data.topic, envelope.key)
        at = rank.get(event_type)
        if at is not None and at < reached.get(aggregate, 0):
            done.extend(segment.items())
            segment, rank, reached, at = {}, {}, {}, None
        if at is None:
            at = rank[event_type] = len(rank)
            segment[event_type] = []
        segment[event_type].append(envelope)
        reached[aggregate] = at
    done.extend(segment.items())
    return done
