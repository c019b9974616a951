"""What waits in the outbox, oldest first, at a cost that does not grow with what went through it.

Deleted rows stay in the index until vacuum may take them, and while somebody holds an old snapshot (a dump, a long
report) it may not: reading from the beginning then steps over everything published since, and that for every batch.
So most reads begin a little behind the last row read, and a read from the very beginning comes round about once a
second: it finds the rows that committed very late.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

LOOK_BACK = 5000
"""How many ids behind the last one read most reads begin: more than can be in flight in other transactions."""
FULL_READ_SECONDS = 1.0
FULL_READ_SHARE = 20
"""A full read that took long comes round more rarely: at most one part in this many of the time goes to it."""

_SELECT = "SELECT id, topic, key, value, headers FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"
_DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
_MEASURE = (
    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 "
    "FROM (SELECT recorded_at FROM outbox ORDER BY id LIMIT 100000) AS oldest"
)


class Backlog:
    """One reader's view of the outbox. Whoever could not delete what it has read starts over with a new one."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._floor = 0
        self._full_read_at = 0.0

    async def read(self, connection: Any) -> Sequence[Any]:
        """Up to ``batch_size`` committed rows in the order of their ids. One that committed late, with an id far below
        those read already, is missed by some reads, for a second or so."""
        begin = perf_counter()
        full = begin >= self._full_read_at
        rows: Sequence[Any] = await connection.fetch(_SELECT, 0 if full else self._floor, self._batch_size)
        if full:
            took = perf_counter() - begin
            self._full_read_at = begin + max(FULL_READ_SECONDS, took * FULL_READ_SHARE)
        if rows:
            self._floor = max(self._floor, rows[-1]["id"] - LOOK_BACK)
        return rows

    async def delete(self, connection: Any, rows: Sequence[Any]) -> None:
        """Exactly these rows, never ``<= max``: others with lower ids may have committed meanwhile."""
        await connection.execute(_DELETE, [row["id"] for row in rows])


async def measure(connection: Any) -> tuple[int, float]:
    """How many rows wait (100,000 stands for more), and the age of the oldest in seconds."""
    rows, age = await connection.fetchrow(_MEASURE)
    return rows, age
