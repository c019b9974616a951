"""The minutes as a Faust table: tumbling windows keyed by partition, with a changelog topic to come back from."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import faust

from orders_svc.read_models.live_figures import KEEP
from orders_svc.read_models.live_figures.counting import MINUTE_MS, Minute, Place, from_json, to_json

MINUTES = "minutes"


class ByPartition(faust.Table[Any, Any]):
    """A windowed table whose keys are partitions. Faust writes a change to the partition of the event at hand, and lets
    nobody change anything without one; here many events of many partitions were counted before a minute is set."""

    def partition_for_key(self, key: Any) -> int:
        partition: int = key[0]
        return partition


OPTIONS: dict[str, Any] = {
    "Table": ByPartition,
    "producer_max_request_size": 8 * 2**20,  # as the changelog allows: a minute with every product of a large catalogue
}
"""What an app needs for ``Minutes``."""


class Minutes:
    """Reads and writes the table of an app that has ``OPTIONS``."""

    def __init__(self, app: Any) -> None:
        self._table = app.Table(MINUTES)
        self._windows = self._table.tumbling(MINUTE_MS / 1000, expires=KEEP)

    def __setitem__(self, place: Place, minute: Minute) -> None:
        window = self._table.window.current(place.minute.timestamp())
        self._windows[place.partition][window] = to_json(minute)

    def items(self) -> Iterator[tuple[Place, Minute]]:
        for (partition, (begin, _)), value in list(self._table.data.items()):
            yield Place(partition, datetime.fromtimestamp(begin, UTC)), from_json(value)

    def forget(self, before: datetime) -> None:
        """Drops minutes from memory: Faust drops those that were set in this process, but not those that it recovered.
        The changelog forgets by its own retention."""
        for key in list(self._table.data.keys()):
            if key[1][0] < before.timestamp():
                self._table.data.pop(key, None)

    def on_recover(self, callback: Any) -> None:
        """``callback`` is awaited after every rebalance, when the table is there again and before any event is."""
        self._windows.on_recover(callback)
