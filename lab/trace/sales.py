"""What the data set itself says was sold: the oracle for everything that the shop derives from it.

It reads the files on its own, and shares nothing with what turns lines into orders but the first row that is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from kit.ids import lowest_id
from lab.trace.dataset import read
from lab.trace.order_ids import AFTER

FROM_ORDERS = """
    SELECT product_id, (placed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS orders, sum(quantity)::bigint AS units,
           sum(amount)::bigint AS revenue
    FROM orders WHERE status = 'confirmed' AND id < $1 GROUP BY 1, 2"""
"""Sales by the orders themselves; $1 is the lowest id that the history cannot have."""

FROM_READ_MODEL = "SELECT product_id, day, orders, units, revenue FROM sales WHERE day < $1 AND orders > 0"
"""Sales by orders' read model; $1 is the first day after the history. It also has rows of what was never sold."""


class Sale(NamedTuple):
    """``revenue`` in cents."""

    orders: int
    units: int
    revenue: int


Sales = dict[tuple[int, date], Sale]
"""By product and day (UTC)."""


@dataclass
class Comparison:
    """``differing`` names up to 100 of the products and days that differ, with both sides; ``count`` counts all."""

    source: str
    rows: int
    total: Sale
    count: int = 0
    differing: dict[str, str] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        return self.count == 0


def expected_sales(limit: int | None = None) -> Sales:
    """Sales of the first ``limit`` lines of the year, or of all. Raises TraceMissing."""
    columns = ["product_id", "quantity", "sales_value", "transaction_timestamp"]
    lines = read("transactions", columns).head(limit)
    sold = lines[(lines.quantity != 0) & lines.product_id.isin(read("products", ["product_id"]).product_id)]
    sold = sold.assign(
        cents=(sold.sales_value * 100).round().astype("int64"), day=sold.transaction_timestamp.dt.floor("D")
    )
    sums = sold.groupby(["product_id", "day"], as_index=False).agg(
        orders=("quantity", "size"), units=("quantity", "sum"), revenue=("cents", "sum")
    )
    keys = zip(sums.product_id.tolist(), sums.day.dt.date.tolist(), strict=True)
    figures = map(Sale, sums.orders.tolist(), sums.units.tolist(), sums.revenue.tolist())
    return dict(zip(keys, figures, strict=True))


async def compare(connection: Any, expected: Sales) -> Iterator[Comparison]:
    """What orders' database says, against ``expected``: the orders themselves, and the read model ``sales`` where there
    is one. ``connection`` is asyncpg's."""
    found = [_compared("orders", await connection.fetch(FROM_ORDERS, lowest_id(AFTER)), expected)]
    if await connection.fetchval("SELECT to_regclass('sales') IS NOT NULL"):
        found.append(_compared("read model", await connection.fetch(FROM_READ_MODEL, AFTER.date()), expected))
    return iter(found)


def _compared(source: str, rows: list[Any], expected: Sales) -> Comparison:
    stored = {(row["product_id"], row["day"]): Sale(row["orders"], row["units"], row["revenue"]) for row in rows}
    done = Comparison(source, len(stored), total(stored))
    for key in sorted(stored.keys() | expected.keys()):
        if stored.get(key) != expected.get(key):
            done.count += 1
            if len(done.differing) < 100:
                product, day = key
                done.differing[f"product {product} on {day}"] = f"{stored.get(key)}, expected {expected.get(key)}"
    return done


def total(sales: Sales) -> Sale:
    orders, units, revenue = (sum(column) for column in zip(*sales.values(), strict=True)) if sales else (0, 0, 0)
    return Sale(orders, units, revenue)
