"""A read model as a declaration: its topics, its tables, and one short function an event type.

A function gets an event and says which rows know more by it (``Change``); what a row becomes is the table's matter
(``events.merging``). So one declaration is enough to follow the topics while the shop runs, to be rebuilt from them in
bulk, and to show how things stood at some moment.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from events.catalogue import Event
from events.envelope import Envelope
from events.merging import Merged, MergedRow, Summed
from kit.database import Connection, Query


class Change(NamedTuple):
    """A row of a table knows at least this. ``row`` has the columns of ``table.columns``."""

    table: Merged
    row: MergedRow


Function = Callable[[Envelope[Any]], Iterable[Change]]


@dataclass(frozen=True)
class MergedModel:
    """A read model, by its stable ``name`` (its consumer group, positions, dead letters).

    ``reads`` are (logical) topics. ``tables`` are what the functions change, ``sums`` what is added up over them.
    ``within_seconds`` is how long its worker collects a batch: it is added to the staleness, and saves transactions.
    ``empty_is_complete``: with nothing on its topics it may be shown as it is; else it waits for the first events.
    ``newest_only``: each event replaces all that was said of its key before (the record's key is the row's, the event's
    sequence its version), so that a rebuild need not decode the older ones.
    """

    name: str
    topics: Sequence[str]
    functions: Mapping[type[Event], Function]
    tables: Sequence[Merged]
    sums: Sequence[Summed] = ()
    within_seconds: float = 0.005
    empty_is_complete: bool = True
    newest_only: bool = False
    _merges: Mapping[str, Query] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stray = [event.__name__ for event in self.functions if event.topic not in self.topics]
        if stray:
            raise ValueError(f"{self.name} has functions for {', '.join(stray)} but does not read their topics")
        if self.newest_only and not (len(self.tables) == 1 and not self.sums and self.tables[0].whole):
            raise ValueError(f"{self.name} is more than the newest event of each key")
        summed = {sums.over.name: sums.follow() for sums in self.sums}
        merges = {table.name: summed.get(table.name) or Query(table.upsert()) for table in self.tables}
        object.__setattr__(self, "_merges", merges)

    @property
    def events(self) -> Collection[type[Event]]:
        return self.functions.keys()

    def changes(self, envelopes: Iterable[Envelope[Any]]) -> dict[str, list[MergedRow]]:
        """Table name -> rows, not merged yet."""
        rows: dict[str, list[MergedRow]] = {table.name: [] for table in self.tables}
        for envelope in envelopes:
            for table, row in self.functions[type(envelope.data)](envelope):
                rows[table.name].append(row)
        return rows

    async def apply(self, connection: Connection, envelopes: Sequence[Envelope[Any]]) -> None:
        """One statement a table."""
        changes = self.changes(envelopes)
        for table in self.tables:
            await self.merge(connection, table, table.merge(changes[table.name]))

    async def merge(self, connection: Connection, table: Merged, rows: Sequence[MergedRow]) -> None:
        """Merges rows (one a key, ordered) into the table, and moves the sums over it along."""
        if rows:
            await connection.execute(self._merges[table.name], **table.parameters(rows))

    def renamed(self, rename: Callable[[str], str]) -> "MergedModel":
        """The same model in tables of other names."""
        tables = {table.name: table.named(rename(table.name)) for table in self.tables}
        sums = [one.named(rename(one.name), tables[one.over.name]) for one in self.sums]

        def into(function: Function) -> Function:
            def changed(envelope: Envelope[Any]) -> Iterable[Change]:
                return [Change(tables[table.name], row) for table, row in function(envelope)]

            return changed

        functions = {event: into(function) for event, function in self.functions.items()}
        return MergedModel(self.name, self.topics, functions, [*tables.values()], sums, newest_only=self.newest_only)
