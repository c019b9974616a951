"""All orders at once: three streams ordered by id, merged, so that memory does not grow with the number of orders."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from lab.audit.databases import Snapshot, rows
from lab.audit.order_rules import ORDER_RULES, Parts
from lab.audit.report import Check

_ORDERS = """
    SELECT id, status, product_id, quantity, unit_price, amount, placed_at, changed_at FROM orders ORDER BY id"""
_RESERVATIONS = "SELECT order_id AS id, state, product_id, quantity, changed_at FROM reservations ORDER BY order_id"
_DELIVERIES = "SELECT order_id AS id, state, product_id, quantity, changed_at FROM deliveries ORDER BY order_id"


async def check_orders(at: Snapshot, cut: datetime | None) -> tuple[list[Check], dict[str, int]]:
    """Every rule of ``ORDER_RULES`` on every order, and how many there are of each kind.

    What changed after ``cut`` is in flight: counted, not judged. None judges everything.
    """
    checks = {name: Check(name) for name in ORDER_RULES}
    counts: Counter[str] = Counter(orders=0, in_flight=0)
    async for order_id, parts in all_parts(at):
        if parts.order is not None:
            counts["orders"] += 1
            counts[parts.order["status"]] += 1
        if cut is not None and _last_change(parts) > cut:
            counts["in_flight"] += 1
            continue
        for name, rule in ORDER_RULES.items():
            wrong = rule(parts)
            if wrong is not None:
                checks[name].add(str(order_id), wrong)
    for check in checks.values():
        check.looked_at = counts["orders"] - counts["in_flight"]
    return list(checks.values()), dict(counts)


async def all_parts(at: Snapshot) -> AsyncIterator[tuple[Any, Parts]]:
    """Each id that any of the three services knows, ascending, with all that is known about it."""
    streams = (rows(at.orders, _ORDERS), rows(at.products, _RESERVATIONS), rows(at.delivery, _DELIVERIES))
    heads = [await anext(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        lowest = min(head["id"] for head in heads if head is not None)
        found: list[Any] = [None, None, None]
        for number, head in enumerate(heads):
            if head is not None and head["id"] == lowest:
                found[number] = head
                heads[number] = await anext(streams[number], None)
        yield lowest, Parts(*found)


def _last_change(parts: Parts) -> datetime:
    known = (parts.order, parts.reservation, parts.delivery)
    latest: datetime = max(row["changed_at"] for row in known if row is not None)
    return latest
