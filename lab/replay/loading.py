"""Events in bulk into the tables of a read model: decoded, merged in memory, a chunk at a time by COPY."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa

from events.arrivals import Reader, Record
from events.envelope import Malformed, type_of
from events.merged_model import Change, MergedModel
from events.merging import Merged, MergedRow
from kit.database import Connection, Query
from lab.replay.outcome import Counts
from lab.replay.topic import name

CHUNK = 20_000
"""Events that are merged in memory before they are written: what bounds the memory, whatever there is to read."""

Told = tuple[Record, Sequence[Change]]
"""A record, and what the model's function made of it."""

REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
    TypeError,
    ArithmeticError,
)
"""A value that cannot be stored, as the database says it, or as asyncpg does, which raises plain Python errors while it
encodes rows for COPY."""


class Loader:
    """Brings records into the tables of ``model``, which may be another's shadow. Nothing is committed here.

    An event that cannot be decoded or stored, or on which the model's function raises, is counted and named, and its
    rows are missing, as they are in the live model, which made a dead letter of it. ``fresh``: the tables are empty, so
    that the first chunk can be copied straight into them. ``follow_sums`` moves the sums along with every chunk;
    without it they are somebody else's work (``add_up``).
    """

    def __init__(
        self, connection: Any, model: MergedModel, counts: Counts, *, fresh: bool = False, follow_sums: bool = True
    ) -> None:
        self.counts = counts
        self._connection = connection
        self._model = model
        self._reader = Reader(model.events)
        self._pending: list[Told] = []
        self._summed = {one.over.name for one in model.sums} if follow_sums else set()
        self._fresh = fresh
        self._merges: dict[str, Query] = {}

    async def take(self, records: Iterable[Record]) -> None:
        """Counts the records and writes them, when there are enough of them together."""
        for record in records:
            self.add(record)
        if len(self._pending) >= CHUNK:
            await self.flush()

    def add(self, record: Record) -> bool:
        """Counts a record and keeps what it says for the next ``flush``; whether it could be read. Whatever the model's
        function raises makes that one record unreadable: the live model passed over it in the same way."""
        self.counts.read += 1
        try:
            envelope = self._reader.event(record)
            if envelope is None:
                self.counts.skipped[skipped_type(record)] += 1
                return True
            changes = tuple(self._model.functions[type(envelope.data)](envelope))
        except Exception as error:  # noqa: BLE001 (counted and named, see above)
            self.counts.broken(place_of(record), error)
            return False
        self.counts.decoded += 1
        self._pending.append((record, changes))
        return True

    async def flush(self) -> list[Record]:
        """Writes what was taken; the records whose rows the database cannot store (counted and named). When it raises,
        it may be called again."""
        refused = await self._write(self._pending) if self._pending else []
        self._pending = []
        return refused

    async def _write(self, told: Sequence[Told]) -> list[Record]:
        """All or, where the database refuses a value, both halves by themselves, down to the event that is refused."""
        try:
            async with self._connection.transaction():
                for table in self._model.tables:
                    rows = table.merge(row for _, changes in told for into, row in changes if into is table)
                    if rows:
                        await self._load(table, rows)
        except REFUSED as error:
            if len(told) == 1:
                self.counts.decoded -= 1
                self.counts.broken(place_of(told[0][0]), error)
                return [told[0][0]]
            middle = len(told) // 2
            return [*await self._write(told[:middle]), *await self._write(told[middle:])]
        self._fresh = False
        return []

    async def _load(self, table: Merged, rows: Collection[MergedRow]) -> None:
        if self._fresh:
            await self._copy(table.name, table, rows)
        elif table.name in self._summed or len(rows) < 100:
            await self._model.merge(Connection(self._connection), table, list(rows))
        else:
            staging, merge = await self._staging(table)
            await self._connection.execute(f"TRUNCATE {staging}")
            await self._copy(staging, table, rows)
            await self._connection.execute(merge.sql)

    async def _copy(self, into: str, table: Merged, rows: Collection[MergedRow]) -> None:
        await self._connection.copy_records_to_table(into, records=rows, columns=table.columns)

    async def _staging(self, table: Merged) -> tuple[str, Query]:
        """A temporary table for the rows of a chunk, and the statement that merges them into the real one. It is asked
        for anew each time: one that was made in a transaction went with it when that was rolled back."""
        staging = f"{table.name}_staging"
        if table.name not in self._merges:
            source = sa.table(staging, *(sa.column(name) for name in table.columns))
            self._merges[table.name] = Query(table.upsert(sa.select(*source.c)))
        columns = ", ".join(table.columns)
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging} AS SELECT {columns} FROM {table.name} WITH NO DATA"
        )
        return staging, self._merges[table.name]


async def add_up(connection: Any, model: MergedModel) -> None:
    """Makes the sums anew, from all rows that they are over. Nobody else may be writing to these."""
    for one in model.sums:
        await connection.execute(f"DELETE FROM {one.name}")
        await connection.execute(one.filled())


def place_of(record: Record) -> str:
    """Where a record is, as people write it."""
    return f"{name((record.topic, record.partition))}@{record.offset}"


def skipped_type(record: Record) -> str:
    """The type of a record that no function is there for."""
    try:
        type_name, version = type_of(record.headers)
    except Malformed:
        return "without a type"
    return f"{type_name}.v{version}"
