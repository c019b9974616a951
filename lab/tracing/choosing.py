"""Which orders of a round are followed, and which of them is told."""

from collections.abc import Iterable, Sequence

from lab.load.orders import Orders
from lab.load.plan import LoadPlan
from lab.load.records import Record

MOST = 24
"""So many orders are followed: enough for one of them to fall into a fault, too few to be felt."""
_CLOSED_LOOP = tuple(2**power for power in range(4, 20))


def to_follow(plan: LoadPlan) -> tuple[int, ...]:
    """Indexes of orders at even distances over the measured time. A closed loop does not know how many orders it will
    send: there the distances double."""
    if plan.concurrency:
        return _CLOSED_LOOP
    measured = [index for index, offset in enumerate(Orders(plan).offsets) if offset >= plan.warmup_seconds]
    step = max(len(measured) / MOST, 1.0)
    places = (int(step * (number + 0.5)) for number in range(MOST))
    return tuple(measured[place] for place in places if place < len(measured))


def to_tell(
    records: Iterable[Record], followed: Sequence[int], faults: Sequence[tuple[float, float]], middle: float
) -> Record | None:
    """The followed order that was offered next to the middle of the first fault (begin and end, Unix times), or, where
    there is none, next to ``middle`` (Unix time). None when none of them was sent."""
    at = sum(min(faults)) / 2 if faults else middle
    wanted = set(followed)
    return min(
        (record for record in records if record.index in wanted),
        key=lambda record: abs(record.intended_at - at),
        default=None,
    )
