"""What wiring ``chain-breaker`` accepted on trust: notices, no findings, because each of these orders is by itself as
it should be. They are what the fallback costs."""

from lab.audit.databases import Snapshot, rows
from lab.audit.report import Check
from orders_svc.domain import TIMED_OUT

BROKEN_PROMISES = "broken promises"
BROKEN = f"(status = 'rejected' OR (status = 'cancelled' AND reason = '{TIMED_OUT}'))"
"""Of a promised order: it could not be had after all, or was not settled in time (``Order.promise_broken``)."""

_PROMISED = "SELECT count(*) FROM orders WHERE promised_at IS NOT NULL"
_BROKEN = f"""
    SELECT id, status, reason, promised_at, settled_at FROM orders
    WHERE promised_at IS NOT NULL AND {BROKEN} ORDER BY id"""
_LAST_PRICE = """
    SELECT id, product_id, unit_price, price_seen_at, placed_at, status FROM orders
    WHERE price_seen_at IS NOT NULL ORDER BY id"""


async def promises(at: Snapshot) -> Check:
    """Orders that were accepted while delivery gave no answer, and ended undone. ``looked_at`` counts promised ones."""
    check = Check(BROKEN_PROMISES, notice=True)
    check.looked_at = await at.orders.fetchval(_PROMISED)
    async for row in rows(at.orders, _BROKEN):
        after = (row["settled_at"] - row["promised_at"]).total_seconds()
        check.add(str(row["id"]), f"accepted, and {row['status']} {after:.1f} s later: {row['reason']}")
    return check


async def last_prices(at: Snapshot) -> Check:
    """Orders whose price products was not asked for. ``looked_at`` counts orders."""
    check = Check("orders at the last price seen", notice=True)
    check.looked_at = await at.orders.fetchval("SELECT count(*) FROM orders")
    async for row in rows(at.orders, _LAST_PRICE):
        age = (row["placed_at"] - row["price_seen_at"]).total_seconds()
        price = f"product {row['product_id']} for {row['unit_price'] / 100:,.2f}"
        check.add(str(row["id"]), f"{price}, seen {age:.1f} s before it was placed; {row['status']}")
    return check
