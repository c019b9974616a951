"""Live figures: orders a minute, how many are rejected, and what is sold, over the last minutes.

A minute is the one in which the broker appended the event, not business time: the broker's clock never goes back within
a partition, so no event comes late for its minute. They are kept by partition and minute, because a partition has one
reader at a time and its offsets say what was counted already.

It is a gauge, not the books: an event that was *published* twice (its relay died between Kafka's acknowledgement and
its DELETE) counts twice; reading one record twice counts once.
"""

from dataclasses import dataclass
from datetime import timedelta

from events.catalogue import Event, OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected

NAME = "live-figures"
KEEP = timedelta(hours=2)
"""Minutes that began longer ago are forgotten, and what belongs to them is not counted any more."""


@dataclass(frozen=True)
class LiveFigures:
    """What the figures read, for whoever follows topics."""

    name: str = NAME
    topics: tuple[str, ...] = ("orders",)
    events: tuple[type[Event], ...] = (OrderPlaced, OrderConfirmed, OrderRejected, OrderCancelled)
