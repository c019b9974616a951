"""One service's database: SQLAlchemy statements, compiled once, on an asyncpg pool.

Tables and statements are SQLAlchemy Core. On the hot path each statement is compiled to SQL a single time (``Query``)
and run on asyncpg directly: the same statement through SQLAlchemy's own async connection costs five times the CPU.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, Column, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.dialects.postgresql import dml
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement

from kit import spans

CLOSE_SECONDS = 5.0

Row = Mapping[str, Any]
_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]


class DatabaseUnavailable(Exception):
    """There is no connection to the database yet (start-up) or any more (shutdown)."""


class Overtaken(Exception):
    """Another transaction changed first what this one had read; this one must be rolled back, and succeeds when it is
    run again."""


TRANSIENT_KINDS: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # "cannot switch to state ...": the server vanished in the middle of a call
    OSError,
    TimeoutError,
    DatabaseUnavailable,
    Overtaken,
)
"""What a transient failure may be an instance of (``is_transient`` decides)."""

_TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03")


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, restarting, full of connections, or two
    transactions got in each other's way (SQLSTATE classes 08, 40, 53, 57 and lock_not_available), or the schema changed
    under a prepared statement."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "").startswith(_TRANSIENT_SQLSTATES)
    return isinstance(error, TRANSIENT_KINDS)


class Query:
    """A Core statement, compiled once. Parameters are the statement's bind parameters, by name.

    Lists go in as one array parameter (``column == any_(bindparam("ids", type_=ARRAY(...)))``), never as expanding IN.
    """

    __slots__ = ("_defaults", "_names", "sql")

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        self._defaults: dict[str, Any] = dict(compiled.params)

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Values in the order of $1, $2, ... Raises TypeError for a name that the statement does not have."""
        if not parameters.keys() <= self._defaults.keys():
            unknown = sorted(parameters.keys() - self._defaults.keys())
            raise TypeError(f"unknown parameters {unknown}; the statement has {sorted(self._defaults)}")
        return [parameters[name] if name in parameters else self._defaults[name] for name in self._names]


class Connection:
    """A borrowed connection. Inside ``Database.transaction()`` everything it does commits or vanishes together."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    async def fetch(self, query: Query, **parameters: Any) -> list[Row]:
        rows: list[Row] = await self.raw.fetch(query.sql, *query.arguments(parameters))
        return rows

    async def fetch_one(self, query: Query, **parameters: Any) -> Row | None:
        row: Row | None = await self.raw.fetchrow(query.sql, *query.arguments(parameters))
        return row

    async def fetch_value(self, query: Query, **parameters: Any) -> Any:
        return await self.raw.fetchval(query.sql, *query.arguments(parameters))

    async def execute(self, query: Query, **parameters: Any) -> int:
        """Runs the statement; the number of rows it touched."""
        status: str = await self.raw.execute(query.sql, *query.arguments(parameters))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0


class Database:
    """A pool of connections to one database. Nothing is opened before ``open``."""

    def __init__(self, url: str, *, min_size: int = 2, max_size: int = 10, application: str = "shop") -> None:
        self.url = url
        self._options: dict[str, Any] = {
            "min_size": min_size,
            "max_size": max_size,
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                # A process that froze inside a transaction lets go of its locks.
                "idle_in_transaction_session_timeout": "15s",
            },
            "command_timeout": 30,
            "reset": _nothing_to_reset,
        }
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Connects. Raises OSError or asyncpg.PostgresError when the database is not there; may be called again,
        also by several tasks at once: there is one pool."""
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self.url, **self._options)

    async def close(self) -> None:
        """Waits for borrowed connections (``CLOSE_SECONDS`` at most), then closes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode."""
        async with self._acquire() as raw:
            yield Connection(raw)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        with spans.transaction("transaction"):
            async with self._acquire() as raw, raw.transaction():
                yield Connection(raw)

    def _acquire(self) -> Any:
        if self._pool is None:
            raise DatabaseUnavailable("not connected to the database")
        return self._pool.acquire(timeout=10)


async def _nothing_to_reset(_connection: Any) -> None:
    """Our code leaves no session state behind (no SET, LISTEN or advisory lock on pooled connections)."""


def array(name: str, column: Column[Any]) -> Any:
    """A bind parameter that carries a list of ``column``'s type."""
    return bindparam(name, type_=ARRAY(column.type))


def bulk_insert(table: Table, *columns: str) -> dml.Insert:
    """``INSERT INTO table (columns) SELECT unnest(...), ...``: any number of rows with one array parameter a column.

    Rows are inserted in the order of the arrays. Add ``.on_conflict_do_nothing()`` or ``.returning()`` as needed; pass
    the parameters with ``columns_of``.
    """
    rows = select(*(func.unnest(array(name, table.c[name])).label(name) for name in columns))
    return dml.insert(table).from_select(list(columns), rows)


def columns_of(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as one list a column, the parameters of a ``bulk_insert``."""
    lists: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            lists[name].append(value)
    return lists
