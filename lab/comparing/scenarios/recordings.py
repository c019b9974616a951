"""Recorded orders as a scenario plays them: those of a file, or of a day of a real year."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from lab.comparing.scenarios.part import LONGEST
from lab.load.recorded import HEADER, Arrival, read_recorded
from lab.trace import dataset
from lab.trace.lines import Trace
from lab.trace.playing import arrivals

_DAY = 86_400.0
_YEAR = 2017
_MOST_PIECES = 1_000_000


@dataclass(frozen=True)
class Recording:
    """``seconds`` is how long it lasts as it is played. ``orders`` ascend, and the first one is due at once; of a real
    year they are read when they are first asked for, which takes seconds. Asking may raise TraceMissing then."""

    seconds: float
    orders: Callable[[], Sequence[Arrival]]

    def played(self, warmup: float, products: Sequence[int] | None = None) -> Iterator[Arrival]:
        """All of it after ``warmup`` seconds, which have its own beginning. What was recorded of other products is
        ordered of ``products``: the same one of them each time."""
        for one in self.orders():
            if one.offset < warmup:
                yield _of(one, 0.0, products)
        for one in self.orders():
            yield _of(one, warmup, products)


def of_file(path: Path, speed: float) -> Recording:
    """Raises ValueError, which says what is wrong in the file and what would be right."""
    try:
        found = read_recorded(path)
    except OSError as error:
        raise ValueError(
            f"the trace {path} cannot be read: {error.strerror}; it is a file, seen from the scenario's, or "
            f"{', '.join(dataset.NAMES)}"
        ) from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no trace: {error}; its lines are {','.join(HEADER)}") from None
    recorded = tuple(map(Arrival, found.offsets, found.products, found.quantities, found.customers))
    _check(path, recorded)
    begin, last = recorded[0].offset, recorded[-1].offset
    seconds = (last - begin) / speed * len(recorded) / (len(recorded) - 1)  # the last one has a gap after it, too
    orders = tuple(one._replace(offset=(one.offset - begin) / speed) for one in recorded)
    return Recording(_length(str(path), seconds), lambda: orders)


def of_day(day: date, speed: float) -> Recording:
    """That day of *The Complete Journey*. Raises ValueError when there is no such day, TraceMissing."""
    if day.year != _YEAR:
        raise ValueError(f"completejourney is the year {_YEAR}: there is no {day}")
    dataset.check()
    return Recording(_length("a day", _DAY / speed), lambda: _of_the_year(day, speed))


@lru_cache(maxsize=8)
def _of_the_year(day: date, speed: float) -> tuple[Arrival, ...]:
    year = Trace.read().since(datetime.combine(day, time(), UTC))
    return tuple(arrivals(year, speed=speed, seconds=_DAY / speed))


def _check(path: Path, recorded: Sequence[Arrival]) -> None:
    if len(recorded) < 2 or recorded[0].offset == recorded[-1].offset:
        raise ValueError(f"{path} has no two orders at different times")
    if not all(math.isfinite(one.offset) for one in recorded):
        raise ValueError(f"{path}: offsets are finite numbers of seconds")
    if any(one.offset > following.offset for one, following in pairwise(recorded)):
        raise ValueError(f"{path}: offsets ascend; sort its lines by them")
    if any(one.product_id < 1 or not 1 <= one.quantity <= _MOST_PIECES for one in recorded):
        raise ValueError(f"{path}: products have numbers from 1 on, quantities are 1 to {_MOST_PIECES:,}")


def _length(what: str, seconds: float) -> float:
    if seconds > LONGEST:
        raise ValueError(f"{what} takes {seconds:,.0f} s, and a round at most {LONGEST:,.0f}: give it a higher speed")
    return round(seconds, 3)


def _of(one: Arrival, after: float, products: Sequence[int] | None) -> Arrival:
    product = products[one.product_id % len(products)] if products else one.product_id
    return one._replace(offset=one.offset + after, product_id=product)
