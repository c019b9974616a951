"""The products service's own books: stock, ledger and reservations, all within one database and one snapshot; and a
notice of the orders that were placed at an outdated price."""

from lab.audit.databases import Snapshot, rows
from lab.audit.report import Check

_STOCK = """
    SELECT p.id, p.stock, coalesce(sum(l.delta), 0)::bigint AS ledger
    FROM products p LEFT JOIN stock_ledger l ON l.product_id = p.id
    GROUP BY p.id HAVING p.stock <> coalesce(sum(l.delta), 0) ORDER BY p.id"""

_BALANCES = """
    SELECT id, product_id, balance, running FROM (
        SELECT id, product_id, balance, sum(delta) OVER (PARTITION BY product_id ORDER BY id)::bigint AS running
        FROM stock_ledger) entries
    WHERE balance <> running OR running < 0 ORDER BY id"""

_RESERVED = """
    SELECT coalesce(r.order_id, l.order_id) AS id, r.state, r.quantity, l.net, l.taken, l.given, l.products
    FROM reservations r FULL JOIN (
        SELECT order_id, sum(delta)::bigint AS net, count(*) FILTER (WHERE reason = 'reserved') AS taken,
               count(*) FILTER (WHERE reason = 'released') AS given, count(DISTINCT product_id) AS products
        FROM stock_ledger WHERE order_id IS NOT NULL GROUP BY order_id) l ON l.order_id = r.order_id
    WHERE r.order_id IS NULL
       OR (r.state IN ('reserved', 'tried') AND (l.net IS DISTINCT FROM -r.quantity OR l.taken <> 1 OR l.given <> 0))
       OR (r.state NOT IN ('reserved', 'tried') AND (coalesce(l.net, 0) <> 0 OR coalesce(l.taken, 0) > 1))
       OR l.products > 1
    ORDER BY 1"""

_OUTDATED = "SELECT order_id AS id, product_id, state FROM reservations WHERE outdated_price ORDER BY order_id"


async def stock_is_what_the_ledger_says(at: Snapshot) -> Check:
    check = Check("stock = ledger (put in - reserved + released)")
    check.looked_at = await at.products.fetchval("SELECT count(*) FROM products")
    async for row in rows(at.products, _STOCK):
        check.add(f"product {row['id']}", f"stock {row['stock']}, ledger {row['ledger']}")
    return check


async def balance_is_never_negative(at: Snapshot) -> Check:
    check = Check("balance right and never negative at any entry")
    check.looked_at = await at.products.fetchval("SELECT count(*) FROM stock_ledger")
    async for row in rows(at.products, _BALANCES):
        detail = f"product {row['product_id']}: balance {row['balance']}, sum so far {row['running']}"
        check.add(f"ledger entry {row['id']}", detail)
    return check


async def ledger_is_what_the_reservations_say(at: Snapshot) -> Check:
    """An order that holds stock has taken it once; one that does not hold any has taken nothing, or given it back."""
    check = Check("each reservation is in the ledger, once")
    check.looked_at = await at.products.fetchval("SELECT count(*) FROM reservations")
    async for row in rows(at.products, _RESERVED):
        state = row["state"] or "missing"
        moved = f"taken {row['taken'] or 0} x, given back {row['given'] or 0} x, net {row['net'] or 0}"
        check.add(str(row["id"]), f"reservation {state} of {row['quantity'] or 0}; ledger: {moved}")
    return check


async def outdated_prices(at: Snapshot) -> Check:
    """A notice, not a finding: the order keeps the price that was shown to the customer, and it is told here how often
    that was not the product's any more. ``looked_at`` counts reservations."""
    check = Check("orders at an outdated price", notice=True)
    check.looked_at = await at.products.fetchval("SELECT count(*) FROM reservations")
    async for row in rows(at.products, _OUTDATED):
        check.add(str(row["id"]), f"product {row['product_id']} had another price by then; {row['state']}")
    return check


STOCK_CHECKS = (stock_is_what_the_ledger_says, balance_is_never_negative, ledger_is_what_the_reservations_say)
