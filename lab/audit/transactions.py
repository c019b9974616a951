"""What the coordinator of Try-Confirm/Cancel left in its log: transactions it has not finished, and outcomes that were
not what it had decided."""

from datetime import datetime
from typing import Any

from lab.audit.databases import Snapshot, rows
from lab.audit.report import Check

_OPEN = """
    SELECT order_id, phase, begun_at FROM tcc_transactions
    WHERE phase <> 'heuristic' AND ($1::timestamptz IS NULL OR begun_at <= $1) ORDER BY order_id"""
_HEURISTIC = "SELECT order_id, reason FROM tcc_transactions WHERE phase = 'heuristic' ORDER BY order_id"
_TRIED = "SELECT count(*) FROM reservations WHERE state = 'tried'"
_TENTATIVE = "SELECT count(*) FROM deliveries WHERE state = 'tentative'"


async def none_is_left_open(at: Snapshot, cut: datetime | None) -> Check:
    check = Check("no transaction of the coordinator left open")
    check.looked_at = await at.orders.fetchval("SELECT count(*) FROM tcc_transactions")
    async for row in rows(at.orders, _OPEN, cut):
        check.add(str(row["order_id"]), f"still {row['phase']}, begun {row['begun_at']:%Y-%m-%d %H:%M:%S}")
    return check


async def heuristic_outcomes(at: Snapshot) -> Check:
    """A notice, not a finding: a participant had not done what was decided, and the order was undone as a whole. Where
    that was not possible any more, the rules about orders find what is wrong."""
    check = Check("heuristic outcomes", notice=True)
    check.looked_at = await at.orders.fetchval("SELECT count(*) FROM orders")
    async for row in rows(at.orders, _HEURISTIC):
        check.add(str(row["order_id"]), row["reason"])
    return check


async def still_tried(products: Any, delivery: Any) -> dict[str, str]:
    """What will be confirmed, cancelled or expire, by participant; the arguments are connections."""
    moving = {}
    if tried := await products.fetchval(_TRIED):
        moving["products"] = f"{tried} reservations in try"
    if tentative := await delivery.fetchval(_TENTATIVE):
        moving["delivery"] = f"{tentative} deliveries tentative"
    return moving
