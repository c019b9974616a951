"""Events that delivery hears, and what it announces."""

from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson

from events.catalogue import Event, OrderCancellationRequested, OrderPlaced, StockRejected, StockReserved
from events.envelope import Envelope, record
from kit.ids import new_id

E = TypeVar("E", bound=Event)


def placed(order_id: UUID | None = None, *, customer_id: str = "c-42", quantity: int = 1) -> Envelope[OrderPlaced]:
    order = OrderPlaced(
        order_id=order_id or new_id(),
        product_id=2,
        product_name="MASK",
        product_version=1,
        quantity=quantity,
        unit_price=20000,
        amount=quantity * 20000,
        customer_id=customer_id,
        customer_name="Kim",
        address="1 Sejong-daero, Seoul",
    )
    return _fact(order, 1)


def reserved(order_id: UUID) -> Envelope[StockReserved]:
    return _fact(StockReserved(order_id=order_id, product_id=2, quantity=1), 1)


def rejected(order_id: UUID) -> Envelope[StockRejected]:
    return _fact(StockRejected(order_id=order_id, product_id=2, quantity=1, reason="out of stock"), 1)


def cancellation_requested(order_id: UUID, sequence: int = 2) -> Envelope[OrderCancellationRequested]:
    return _fact(OrderCancellationRequested(order_id=order_id, reason="changed my mind"), sequence)


async def announced(sql: Any) -> list[tuple[str, dict[str, Any]]]:
    """Name and data of the events in the outbox, in order."""
    rows = await sql.fetch("SELECT headers, value FROM outbox ORDER BY id")
    return [(orjson.loads(row["headers"])["ce_type"].split(".")[2], orjson.loads(row["value"])) for row in rows]


async def names(sql: Any) -> list[str]:
    return [name for name, _ in await announced(sql)]


async def states(sql: Any, *orders: UUID) -> list[str | None]:
    rows = {row["order_id"]: row["state"] for row in await sql.fetch("SELECT order_id, state FROM deliveries")}
    return [rows.get(order_id) for order_id in orders]


def _fact(event: E, sequence: int) -> Envelope[E]:
    return record(event, sequence=sequence, time=datetime.now(UTC))
