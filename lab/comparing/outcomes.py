"""What became of each order that was offered: its sender's record joined with what the databases say."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from lab.audit import Check, Databases
from lab.audit.databases import rows, snapshot
from lab.audit.order_rules import LIVE_DELIVERY
from lab.load.histogram import encoded, histogram, percentiles
from lab.load.records import NO_ANSWER, Record

Outcome = Literal["confirmed", "hollow", "rejected", "cancelled", "unsettled", "lost", "refused", "unknown"]
"""confirmed: with its delivery and its reservation. hollow: confirmed in name only, one of the two is missing.
lost: accepted, and in no database. refused: certainly no order, and the customer was told. unknown: no answer and no
order: the customer cannot know."""

_ORDERS = """
    SELECT id, {marked} AS mark, status, CASE WHEN current_setting('track_commit_timestamp') = 'on'
        THEN greatest(settled_at, pg_xact_commit_timestamp(xmin)) ELSE settled_at END AS settled_at FROM orders
    WHERE starts_with({marked}, $1 || '-')"""
"""Settled is what others can see: in ``2pc`` the row is written long before its transaction is committed. Where the
server does not keep commit times, the row's own time has to do."""


@dataclass(frozen=True, slots=True)
class Known:
    """An order as the databases have it; ``kept``: delivery and reservation exist."""

    status: str
    settled_at: datetime | None
    kept: bool
    order_id: UUID | None = None


@dataclass
class Outcomes:
    """Counts of the measured orders by outcome, and how long it took from the intended time until they were settled
    (ms, of accepted ones), as percentiles and as the whole histogram. ``missing`` are accepted orders that no database
    knows: there must be none."""

    counts: dict[str, int]
    completion: dict[str, float | None]
    settled: int
    last_settled_at: float | None
    histogram: str
    missing: Check = field(default_factory=lambda: Check("answered orders exist"))


async def known_orders(databases: Databases, run: str, marked: str = "customer_id") -> dict[int, Known]:
    """All orders of that run, by index. ``marked`` is the column that holds ``<run>-<index>`` (``LoadPlan.marked``)."""
    async with snapshot(databases) as at:
        reserved = {row["order_id"] async for row in _ids(at.products, "reservations", ("reserved",))}
        delivered = {row["order_id"] async for row in _ids(at.delivery, "deliveries", LIVE_DELIVERY)}
        found: dict[int, Known] = {}
        async for row in rows(at.orders, _ORDERS.format(marked=marked), run):
            index = int(row["mark"].rpartition("-")[2])
            kept = row["id"] in reserved and row["id"] in delivered
            found[index] = Known(row["status"], row["settled_at"], kept, row["id"])
        return found


def outcomes(records: Iterable[Record], known: dict[int, Known], measured_from: float) -> Outcomes:
    """Joins both sides. ``measured_from`` (Unix time) cuts the warm-up off, except from ``missing``."""
    counts: Counter[str] = Counter()
    completion: list[float] = []
    missing = Check("answered orders exist", looked_at=0)
    for record in records:
        order = known.get(record.index)
        if record.accepted:
            missing.looked_at += 1
            if order is None:
                missing.add(f"order {record.index}", f"answered {record.status}, but in no database")
        if record.intended_at < measured_from - 1e-6:
            continue
        counts[_outcome(record, order)] += 1
        if record.accepted and order is not None and order.settled_at is not None:
            completion.append((order.settled_at.timestamp() - record.intended_at) * 1000)
    ends = [order.settled_at.timestamp() for order in known.values() if order.settled_at is not None]
    took = histogram(completion)
    return Outcomes(
        counts=dict(counts),
        completion=percentiles(took),
        settled=len(ends),
        last_settled_at=max(ends, default=None),
        histogram=encoded(took),
        missing=missing,
    )


def settled_rate(known: dict[int, Known], since: float) -> float | None:
    """Orders settled per second, from ``since`` (Unix time) until the last one was."""
    ends = [order.settled_at.timestamp() for order in known.values() if order.settled_at is not None]
    later = [end for end in ends if end >= since]
    return len(later) / (max(later) - since) if later and max(later) > since else None


def _outcome(record: Record, order: Known | None) -> Outcome:
    if order is None:
        return "lost" if record.accepted else "unknown" if record.status == NO_ANSWER else "refused"
    if order.status == "confirmed":
        return "confirmed" if order.kept else "hollow"
    if order.status == "rejected":
        return "rejected"
    return "cancelled" if order.status == "cancelled" else "unsettled"


def _ids(connection: Any, table: str, states: tuple[str, ...]) -> AsyncIterator[Any]:
    return rows(connection, f"SELECT order_id FROM {table} WHERE state = ANY($1)", list(states))
