"""What the shop has kept of a load, by its own databases: orders and units against what was offered and answered."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from kit.ids import lowest_id
from lab.load.records import NO_ANSWER, Record
from lab.running.layout import Layout

_SKEW = timedelta(minutes=5)
_LISTED = 100
_AT_ONCE = 20_000
_UNSETTLED = "('pending', 'cancelling')"
_RESERVED = """
    SELECT count(*) AS orders, coalesce(sum(quantity), 0)::bigint AS units FROM reservations
    WHERE order_id = ANY($1) AND state = 'reserved'"""
_DELIVERED = """
    SELECT count(*) AS orders, coalesce(sum(quantity), 0)::bigint AS units FROM deliveries
    WHERE order_id = ANY($1) AND state IN ('started', 'completed')"""


class Tally(NamedTuple):
    orders: int = 0
    units: int = 0

    def and_one_of(self, units: int) -> "Tally":
        return Tally(self.orders + 1, self.units + units)


NOTHING = Tally()


@dataclass
class Kept:
    """offered = accepted + refused + ``unanswered`` (which may or may not be in the shop).

    ``kept`` are in orders' database, by ``statuses``; ``reserved`` and ``delivered`` is what the other two have of the
    confirmed ones. ``wrong`` names up to 100 faults, ``faults`` counts all.
    """

    offered: Tally = NOTHING
    accepted: Tally = NOTHING
    refused: Tally = NOTHING
    unanswered: Tally = NOTHING
    kept: Tally = NOTHING
    confirmed: Tally = NOTHING
    reserved: Tally = NOTHING
    delivered: Tally = NOTHING
    statuses: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    wrong: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, wrong: str) -> None:
        self.faults += 1
        if len(self.wrong) < _LISTED:
            self.wrong[what] = wrong


async def what_was_kept(
    layout: Layout,
    records: Iterable[Record],
    wanted: Sequence[tuple[int, int]],
    *,
    run: str,
    marked: str,
    began_at: float,
    deadline: float = 60.0,
) -> Kept:
    """Waits up to ``deadline`` seconds until all orders of the run are settled, then compares.

    ``wanted`` is product and quantity of each order by its index; ``marked`` the column that holds ``<run>-<index>``;
    ``began_at`` Unix time.

    At fault is: an accepted order that is not there exactly once as it was wanted, or not settled; a refused one that
    the shop has kept nevertheless (the chain keeps it as a rejected one, which is none); other units of confirmed
    orders in reservations or deliveries.
    """
    since = lowest_id(datetime.fromtimestamp(began_at, UTC) - _SKEW)
    orders = await asyncpg.connect(layout.auditor_url("orders"))
    try:
        await _settled(orders, run, marked, since, deadline)
        sql = f"SELECT id, {marked} AS mark, product_id, quantity, status FROM orders"
        rows = await orders.fetch(f"{sql} WHERE id >= $1 AND starts_with({marked}, $2)", since, f"{run}-")
    finally:
        await orders.close()
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(int(row["mark"].rpartition("-")[2]), []).append(row)
    kept = Kept(statuses=dict(Counter(row["status"] for row in rows)))
    for record in records:
        _judge(kept, record, wanted[record.index], found.get(record.index, []))
    ids = [row["id"] for row in rows if row["status"] == "confirmed"]
    kept.reserved = await _sum(layout.auditor_url("products"), _RESERVED, ids)
    kept.delivered = await _sum(layout.auditor_url("delivery"), _DELIVERED, ids)
    for what, tally in (("reservations", kept.reserved), ("deliveries", kept.delivered)):
        if tally != kept.confirmed:
            kept.add(what, f"{tally.orders:,} with {tally.units:,} units, confirmed are {kept.confirmed}")
    return kept


def _judge(kept: Kept, record: Record, wanted: tuple[int, int], rows: Sequence[Any]) -> None:
    name, units = f"order {record.index}", wanted[1]
    kept.offered = kept.offered.and_one_of(units)
    if record.accepted:
        kept.accepted = kept.accepted.and_one_of(units)
        if len(rows) != 1:
            kept.add(name, f"answered {record.status}, and in orders' database {len(rows)} times")
    elif record.status == NO_ANSWER:
        kept.unanswered = kept.unanswered.and_one_of(units)
    else:
        kept.refused = kept.refused.and_one_of(units)
    for row in rows:
        kept.kept = kept.kept.and_one_of(row["quantity"])
        if row["status"] == "confirmed":
            kept.confirmed = kept.confirmed.and_one_of(row["quantity"])
        if (row["product_id"], row["quantity"]) != wanted:
            kept.add(name, f"kept as {row['quantity']} of product {row['product_id']}, wanted {units} of {wanted[0]}")
        elif row["status"] in ("pending", "cancelling"):
            kept.add(name, f"still {row['status']}")
        elif row["status"] == "confirmed" and not record.accepted and record.status != NO_ANSWER:
            kept.add(name, f"refused ({record.status}), and confirmed all the same")


async def _settled(connection: Any, run: str, marked: str, since: UUID, deadline: float) -> None:
    sql = f"SELECT EXISTS (SELECT FROM orders WHERE id >= $1 AND starts_with({marked}, $2) AND status IN {_UNSETTLED})"
    clock = asyncio.get_running_loop().time
    until = clock() + deadline
    while clock() < until:
        if not await connection.fetchval(sql, since, f"{run}-"):
            return
        await asyncio.sleep(0.2)


async def _sum(url: str, sql: str, ids: Sequence[UUID]) -> Tally:
    connection = await asyncpg.connect(url)
    try:
        total = Tally()
        for first in range(0, len(ids), _AT_ONCE):
            row = await connection.fetchrow(sql, ids[first : first + _AT_ONCE])
            total = Tally(total.orders + row["orders"], total.units + row["units"])
        return total
    finally:
        await connection.close()
