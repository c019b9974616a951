"""Reading the three databases, each in one snapshot, without being able to change anything."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kit.settings import Wiring

SERVICES = ("orders", "products", "delivery")


@dataclass(frozen=True)
class Databases:
    """Where the databases of one shop are (addresses of the auditor's roles), and how its services are wired."""

    orders: str
    products: str
    delivery: str
    wiring: Wiring = "events"


@dataclass(frozen=True)
class Snapshot:
    """Three read-only transactions, each at a consistent point of its own database, taken right after one another.

    ``taken_at`` is the earliest of the three points, by the database's clock.
    """

    orders: Any
    products: Any
    delivery: Any
    taken_at: datetime

    def items(self) -> tuple[tuple[str, Any], ...]:
        return tuple((service, getattr(self, service)) for service in SERVICES)


@asynccontextmanager
async def snapshot(databases: Databases) -> AsyncIterator[Snapshot]:
    """Opens the three snapshots. Raises OSError or asyncpg.PostgresError when a database cannot be read."""
    async with AsyncExitStack() as stack:
        connections: list[Any] = []
        times: list[datetime] = []
        for service in SERVICES:
            connection = await asyncpg.connect(getattr(databases, service), server_settings={"timezone": "UTC"})
            stack.push_async_callback(connection.close)
            connections.append(connection)
        for connection in connections:
            await stack.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
            times.append(await connection.fetchval("SELECT clock_timestamp()"))
        orders, products, delivery = connections
        yield Snapshot(orders, products, delivery, min(times))


async def rows(connection: Any, sql: str, *arguments: Any, batch: int = 5000) -> AsyncIterator[Any]:
    """The rows of a query, in its order, ``batch`` of them in memory at a time. Needs an open transaction."""
    cursor = await connection.cursor(sql, *arguments)
    while found := await cursor.fetch(batch):
        for row in found:
            yield row
