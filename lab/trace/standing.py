"""How far each service has come with the history, told by the ids of its rows."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from kit.ids import lowest_id
from lab.running.errors import ShopError
from lab.running.layout import Layout
from lab.trace.lines import Trace
from lab.trace.order_ids import AFTER, line_number, order_id

_TABLES = {"orders": ("orders", "id"), "products": ("reservations", "order_id"), "delivery": ("deliveries", "order_id")}
_OPENED_SINCE = "SELECT EXISTS (SELECT FROM orders WHERE id >= $1 OR version <> 2)"


class NotThisHistory(ShopError):
    """The shop holds orders that this history does not have, or that were changed since."""


@dataclass(frozen=True)
class Standing:
    """How many of the trace's orders each service has, counted from the first without a gap. ``opened``: there are
    orders of customers, too, or some of the history's were changed: the shop has been open since."""

    orders: int
    products: int
    delivery: int
    opened: bool

    def complete(self, lines: int) -> bool:
        return min(self.orders, self.products, self.delivery) >= lines


async def standing(layout: Layout, trace: Trace) -> Standing:
    """``trace`` is the whole year. Raises NotThisHistory when orders of 2017 are not those of the trace."""
    done: dict[str, int] = {}
    opened = False
    for service, (table, column) in _TABLES.items():
        connection = await asyncpg.connect(layout.service_url(service))
        try:
            done[service] = await _done(connection, table, column, trace)
            if service == "orders":
                opened = await connection.fetchval(_OPENED_SINCE, lowest_id(AFTER))
        finally:
            await connection.close()
    return Standing(**done, opened=opened)


async def _done(connection: Any, table: str, column: str, trace: Trace) -> int:
    """The highest id tells how far it came; where rows are missing below it (the shop was opened in between and worked
    on by itself), it begins anew, and what is there stays as it is."""
    below = lowest_id(AFTER)
    rows: int = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {column} < $1", below)
    if not rows:
        return 0
    sql = f"SELECT {column} FROM {table} WHERE {column} < $1 ORDER BY {column} DESC LIMIT 1"
    last = await connection.fetchval(sql, below)
    place = trace.place_of(line_number(last))
    if [order_id(line) for line in trace.slice(place, place + 1)] != [last]:
        raise NotThisHistory(f"{table} has {last}, which is no order of this data set; `shop down --wipe` clears it")
    return place + 1 if rows == place + 1 else 0
