"""Whether a read model's worker does its work: 1 in ``events_consumer_healthy``, or 0 while it waits for something.

Three parts of a worker know about it, each something else, in threads of their own. The gauge is 1 while all of them
are well, so that good news from one never hides bad news from another.
"""

import threading
from collections import defaultdict
from enum import Enum

from events import telemetry


class Part(Enum):
    """A part of the worker, and what is so when it is well."""

    FAUST = "it has its share of the partitions, and its tables are recovered"
    WATCHDOG = "broker and database answered at the last look, and the topics are there"
    BATCHES = "the last batch was committed"


_parts: defaultdict[str, dict[Part, bool]] = defaultdict(dict)
_lock = threading.Lock()


def worker_starts(consumer: str) -> None:
    """0 until Faust and the watchdog have reported that they are well. Batches may be long in coming, and count from
    the first one on."""
    with _lock:
        _parts[consumer] = {Part.FAUST: False, Part.WATCHDOG: False}
        telemetry.HEALTHY.labels(consumer).set(0)


def report(consumer: str, part: Part, *, well: bool) -> None:
    """From any thread."""
    with _lock:
        parts = _parts[consumer]
        parts[part] = well
        telemetry.HEALTHY.labels(consumer).set(all(parts.values()))
