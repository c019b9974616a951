"""Tables whose rows are merged out of what many events know: in any order, each any number of times.

A row is put together column by column, and every rule for it is commutative, associative and idempotent (the rows form
a join-semilattice), so that neither the order between topics, nor how events are cut into batches, nor a repetition can
make a difference. Hence the same rule serves a batch of live events, a rebuild in memory, and parts that were spilled.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import dml

from kit.database import Query, bulk_insert, columns_of

MergedRow = tuple[Any, ...]
"""The values of ``Merged.columns``, in that order."""


class Merged:
    """A table and how its rows are merged.

    - The primary key says which rows belong together; it never changes.
    - ``newest``: columns that come together with ``version``; the highest version stands.
    - All other columns are *known*: null until an event knows the value, and all events that know it agree.
    - Without a ``version`` a row is said once and for all by one event, which may be repeated.
    - ``own``: columns that the table fills by itself, with the expression for a row that changed. They are no part of
      what the events say, so they are neither merged nor compared.
    """

    def __init__(
        self,
        table: sa.Table,
        *,
        version: str | None = None,
        newest: Sequence[str] = (),
        own: Mapping[str, sa.ColumnElement[Any]] | None = None,
    ) -> None:
        assert version is not None or not newest, f"{table.name}: newest columns come with a version"
        self.table = table
        self.key: tuple[str, ...] = tuple(column.name for column in table.primary_key)
        self.version = version
        self.own = dict(own or {})
        self.columns: tuple[str, ...] = tuple(column.name for column in table.columns if column.name not in self.own)
        self._newest = tuple(newest)
        guarded = {*self.key, *newest, version}
        self._known = tuple(name for name in self.columns if name not in guarded) if version else ()
        self.key_of = _key_of(tuple(map(self.columns.index, self.key)))
        self._version_at = None if version is None else self.columns.index(version)
        self._known_at = tuple(map(self.columns.index, self._known))

    @property
    def name(self) -> str:
        return str(self.table.name)  # SQLAlchemy's is a kind of str that JSON writers do not know

    @property
    def whole(self) -> bool:
        """Whether every event brings a whole row, so that of two rows one stands and the other is forgotten."""
        return not self._known

    def named(self, name: str) -> "Merged":
        """The same, for a table of another name (a shadow, a look into the past)."""
        table = self.table.to_metadata(sa.MetaData(), name=name)
        return Merged(table, version=self.version, newest=self._newest, own=self.own)

    def row(self, **values: Any) -> MergedRow:
        """A row in which what is not given is not known."""
        return tuple(map(values.get, self.columns))

    def merge(self, rows: Iterable[MergedRow]) -> list[MergedRow]:
        """One row a key, in the order of the keys (so that two writers cannot deadlock)."""
        merged: dict[Any, MergedRow] = {}
        self.merge_into(merged, rows)
        return [merged[key] for key in sorted(merged)]

    def merge_into(self, merged: dict[Any, MergedRow], rows: Iterable[MergedRow]) -> None:
        """Merges rows into those that are there already, by key."""
        for row in rows:
            key = self.key_of(row)
            there = merged.get(key)
            merged[key] = row if there is None else self.join(there, row)

    def join(self, one: MergedRow, other: MergedRow) -> MergedRow:
        """What both know together."""
        at = self._version_at
        newer = other if at is not None and other[at] > one[at] else one
        if not self._known_at:
            return newer
        older = one if newer is other else other
        if all(newer[index] is not None for index in self._known_at):
            return newer
        joined = list(newer)
        for index in self._known_at:
            if joined[index] is None:
                joined[index] = older[index]
        return tuple(joined)

    def upsert(self, rows: sa.Select[Any] | None = None) -> dml.Insert:
        """Merges rows into the table: those of a query, or of the parameters (``parameters``); each key once. Rows that
        learn nothing are left alone, and are not returned by a ``returning`` either."""
        columns = list(self.columns)
        insert = (
            bulk_insert(self.table, *columns) if rows is None else dml.insert(self.table).from_select(columns, rows)
        )
        if self.version is None:
            return insert.on_conflict_do_nothing()
        mine, new = self.table.c, insert.excluded
        newer = new[self.version] > mine[self.version]
        learns = [newer, *(sa.and_(mine[name].is_(None), new[name].is_not(None)) for name in self._known)]
        values: dict[str, Any] = {
            name: new[name] if self.whole else sa.case((newer, new[name]), else_=mine[name])
            for name in (*self._newest, self.version)
        }
        values |= {name: sa.func.coalesce(mine[name], new[name]) for name in self._known}
        return insert.on_conflict_do_update(
            index_elements=[mine[name] for name in self.key], set_=values | self.own, where=sa.or_(*learns)
        )

    def parameters(self, rows: Iterable[MergedRow]) -> dict[str, list[Any]]:
        """The parameters of ``upsert`` for merged rows."""
        return columns_of(self.columns, rows)


class Summed:
    """A table of sums over the rows of a merged one, by its primary key, which is made of columns of the merged one.

    ``adds`` gives, for each column of sums, what a row adds to it: SQL in which ``{row}`` stands for the row; 0 where a
    row does not count. A row whose key is not known yet adds nothing. Sums follow the merged rows in the statement that
    merges them, by what the change took away and what it brought; so they are exact however often and in whatever order
    events come.
    """

    def __init__(self, table: sa.Table, *, over: Merged, adds: Mapping[str, str]) -> None:
        self.table = table
        self.over = over
        self.adds = dict(adds)
        self.key: tuple[str, ...] = tuple(column.name for column in table.primary_key)
        self.columns: tuple[str, ...] = (*self.key, *self.adds)
        assert set(self.key) <= set(over.columns), f"{table.name}: its key is made of columns of {over.name}"

    @property
    def name(self) -> str:
        return str(self.table.name)

    def named(self, name: str, over: Merged) -> "Summed":
        return Summed(self.table.to_metadata(sa.MetaData(), name=name), over=over, adds=self.adds)

    def follow(self) -> Query:
        """Merges rows into ``over`` and moves the sums along, in one statement. Parameters: those of ``over``."""
        sides = [self._side("old", "-"), self._side("new", "")]
        changed = self.over.upsert().returning(*chain.from_iterable(sides)).cte("changed")
        parts = [
            sa.select(*(changed.c[f"{alias}_{name}"].label(name) for name in self.columns)).where(
                *(changed.c[f"{alias}_{name}"].is_not(None) for name in self.key)
            )
            for alias in ("old", "new")
        ]
        moved = sa.union_all(*parts).cte("moved")
        sums = (
            sa.select(
                *(moved.c[name] for name in self.key),
                *(sa.cast(sa.func.sum(moved.c[name]), self.table.c[name].type).label(name) for name in self.adds),
            )
            .group_by(*(moved.c[name] for name in self.key))
            .order_by(*(moved.c[name] for name in self.key))
        )
        insert = dml.Insert(self.table).from_select(list(self.columns), sums)
        return Query(
            insert.on_conflict_do_update(
                index_elements=[self.table.c[name] for name in self.key],
                set_={name: self.table.c[name] + insert.excluded[name] for name in self.adds},
            )
        )

    def _side(self, alias: str, sign: str) -> list[sa.ColumnElement[Any]]:
        """What a row was (``old``, as PostgreSQL 18 calls it) or is (``new``): its key, and what it adds."""
        keys = [
            sa.literal_column(f"{alias}.{name}", self.table.c[name].type).label(f"{alias}_{name}") for name in self.key
        ]
        adds = [
            sa.literal_column(f"{sign}({expression.format(row=alias)})", self.table.c[name].type).label(
                f"{alias}_{name}"
            )
            for name, expression in self.adds.items()
        ]
        return [*keys, *adds]

    def filled(self) -> str:
        """The SQL that fills the (empty) table from the whole of ``over``."""
        keys = ", ".join(self.key)
        sums = ", ".join(f"sum({expression.format(row='r')})" for expression in self.adds.values())
        known = " AND ".join(f"r.{name} IS NOT NULL" for name in self.key)
        return (
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) "
            f"SELECT {keys}, {sums} FROM {self.over.name} r WHERE {known} GROUP BY {keys}"
        )


def _key_of(indexes: tuple[int, ...]) -> Any:
    """The key of a row: a single value as it is, several as a tuple. They sort as the database would."""
    return itemgetter(*indexes)
