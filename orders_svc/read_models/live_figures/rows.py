"""The figures in orders' database: absolute values, written by the worker, read by the API."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, func

from kit.database import Connection, Query, array, bulk_insert, columns_of
from orders_svc.read_models.live_figures.counting import Counted, Minute, Place
from orders_svc.read_models.tables import metadata

live_minutes = Table(
    "live_minutes",
    metadata,
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("placed", BigInteger, nullable=False),
    Column("confirmed", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("cancelled", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""All events of a partition that the broker appended in that minute, below ``next_offset``."""

live_products = Table(
    "live_products",
    metadata,
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("orders", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""Of those events, the orders placed of each product. ``next_offset`` is the minute's when the row was written."""

live_standing = Table(
    "live_standing",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
)
"""Everything of the partition that the broker appended before ``as_of`` is in the figures."""


def _upsert(table: Table, guard: str) -> Query:
    """Absolute values, of which the one that goes further stands: a late or repeated write changes nothing."""
    insert = bulk_insert(table, *table.c.keys())
    values = [column.name for column in table.c if not column.primary_key]
    return Query(
        insert.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={name: insert.excluded[name] for name in values},
            where=insert.excluded[guard] > table.c[guard],
        )
    )


def _load(table: Table) -> Query:
    return Query(
        sa.select(table).where(
            table.c.minute >= sa.bindparam("since", type_=table.c.minute.type),
            table.c.partition == sa.any_(array("partitions", table.c.partition)),
        )
    )


def _forget(table: Table) -> Query:
    old = table.alias("old")
    oldest = (
        sa.select(sa.literal_column("old.ctid"))
        .select_from(old)
        .where(old.c.minute < sa.bindparam("before", type_=old.c.minute.type))
        .limit(sa.bindparam("limit", type_=sa.BigInteger))
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return Query(sa.delete(table).where(sa.literal_column(f"{table.name}.ctid") == sa.any_(func.array(oldest))))


_WRITE_MINUTES = _upsert(live_minutes, "next_offset")
_WRITE_PRODUCTS = _upsert(live_products, "next_offset")
_STAND = _upsert(live_standing, "as_of")
_LOAD_MINUTES, _LOAD_PRODUCTS = _load(live_minutes), _load(live_products)
_FORGET = (_forget(live_products), _forget(live_minutes))


async def write(connection: Connection, counted: Mapping[Place, Counted]) -> None:
    """Brings the rows of these minutes up to date; of their products those that ``counted`` names."""
    minutes: list[tuple[Any, ...]] = []
    products: list[tuple[Any, ...]] = []
    for (partition, at), (minute, changed) in sorted(counted.items(), key=lambda item: (item[0].minute, item[0])):
        counters = (minute.placed, minute.confirmed, minute.rejected, minute.cancelled)
        minutes.append((at, partition, *counters, minute.next_offset))
        for product_id in sorted(changed & minute.products.keys()):
            products.append((at, partition, product_id, *minute.products[product_id], minute.next_offset))
    if minutes:
        await connection.execute(_WRITE_MINUTES, **columns_of(live_minutes.c.keys(), minutes))
    if products:
        await connection.execute(_WRITE_PRODUCTS, **columns_of(live_products.c.keys(), products))


async def load(connection: Connection, partitions: Collection[int], since: datetime) -> dict[Place, Minute]:
    """The minutes from ``since`` on. The caller keeps writers away (by the lock of the positions) while it reads."""
    asked = {"partitions": sorted(partitions), "since": since}
    found = {
        Place(row["partition"], row["minute"]): Minute(
            row["placed"], row["confirmed"], row["rejected"], row["cancelled"], row["next_offset"]
        )
        for row in await connection.fetch(_LOAD_MINUTES, **asked)
    }
    for row in await connection.fetch(_LOAD_PRODUCTS, **asked):
        minute = found.get(Place(row["partition"], row["minute"]))
        if minute is not None:
            minute.products[row["product_id"]] = (row["orders"], row["units"])
    return found


async def stand(connection: Connection, standing: Mapping[int, datetime]) -> None:
    """Notes up to when each partition is counted; never goes back."""
    if standing:
        await connection.execute(_STAND, **columns_of(live_standing.c.keys(), sorted(standing.items())))


async def forget(connection: Connection, before: datetime, *, limit: int) -> int:
    """Deletes up to ``limit`` rows of each table of minutes that began before; how many rows those were at most."""
    return max([await connection.execute(query, before=before, limit=limit) for query in _FORGET])
