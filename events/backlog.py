"""What waits in the outbox, oldest first, at a cost that does not grow with what went through it.

Deleted rows stay in the index until vacuum may take them, and while somebody holds an old snapshot (a dump, a long
report) it may not: reading from the beginning then steps over everything published since, and that for every batch.
So most reads begin at a floor that rises with what was read.

Ids are given out before the commit, so a row can appear below one that was read long ago, and what comes after it in
its aggregate appears later, with a higher id. Hence the floor rises past an id only when every transaction that was
running when that id was read has ended (``xmin`` has reached the ``xmax`` of then): who held a lower id shows it by now
or never will. A transaction that has an id and no transaction number yet, a matter of microseconds, is not seen by
that; against it the floor stays ``LOOK_BACK`` ids behind, and once a second or so a read begins at the very beginning.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

LOOK_BACK = 5000
"""How many ids further down most reads begin than they would have to: more than are given out in microseconds."""
FULL_READ_SECONDS = 1.0
FULL_READ_SHARE = 20
"""A full read that took long comes round more rarely: at most one part in this many of the time goes to it."""

_SELECT = (
    "SELECT id, topic, key, value, headers, "
    "(SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint) AS xmin_now, "
    "(SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS xmax_now "
    "FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"
)
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
        self._read_up_to = 0
        self._settled_when: int | None = None
        self._full_read_at = 0.0

    async def read(self, connection: Any) -> Sequence[Any]:
        """Up to ``batch_size`` committed rows in the order of their ids, the lowest that there are: no row of an
        aggregate is read before an earlier one of the same aggregate was."""
        begin = perf_counter()
        full = begin >= self._full_read_at
        rows: Sequence[Any] = await connection.fetch(_SELECT, 0 if full else self._floor, self._batch_size)
        if full:
            took = perf_counter() - begin
            self._full_read_at = begin + max(FULL_READ_SECONDS, took * FULL_READ_SHARE)
        if rows:
            self._raise_floor(rows[-1])
        return rows

    def _raise_floor(self, last: Any) -> None:
        """``last`` is the last row of this read. What was settled before this read began, this read has shown."""
        if self._settled_when is not None and last["xmin_now"] < self._settled_when:
            return
        self._floor = max(self._floor, min(self._read_up_to, last["id"]) - LOOK_BACK)
        self._read_up_to, self._settled_when = last["id"], last["xmax_now"]

    async def delete(self, connection: Any, rows: Sequence[Any]) -> None:
        """Exactly these rows, never ``<= max``: others with lower ids may have committed meanwhile."""
        await connection.execute(_DELETE, [row["id"] for row in rows])


async def measure(connection: Any) -> tuple[int, float]:
    """How many rows wait (100,000 stands for more), and the age of the oldest in seconds."""
    rows, age = await connection.fetchrow(_MEASURE)
    return rows, age
