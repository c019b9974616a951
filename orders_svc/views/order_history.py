"""A customer's orders with every step and its time (the original lab's ``mypage``), out of the order history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import Integer, Text, Uuid, any_, bindparam, select

from events.causality import Happening, in_causal_order
from kit.database import Connection, Query, Row, array
from kit.text import Answer, Body
from orders_svc.domain import Status
from orders_svc.read_models.order_history import history_orders, history_steps

SERVICES = {"orders": "orders", "stock": "products", "deliveries": "delivery"}
"""Which service publishes on a topic."""

_LAST_ID = UUID(int=2**128 - 1)
_PAGE = Query(
    select(history_orders)
    .where(
        history_orders.c.customer_id == bindparam("customer_id", type_=Text),
        history_orders.c.order_id < bindparam("before", type_=Uuid),
    )
    .order_by(history_orders.c.order_id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_STEPS = Query(select(history_steps).where(history_steps.c.order_id == any_(array("ids", history_steps.c.order_id))))

EXAMPLE: dict[str, Any] = {
    "id": "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11",
    "productId": 2,
    "productName": "MASK",
    "quantity": 1,
    "amount": 20000,
    "placedAt": "2026-11-23T15:42:07.123456Z",
    "status": "confirmed",
    "reason": None,
    "steps": [
        {"event": "OrderPlaced", "service": "orders", "at": "2026-11-23T15:42:07.123456Z", "note": None},
        {"event": "StockReserved", "service": "products", "at": "2026-11-23T15:42:07.126811Z", "note": None},
        {"event": "DeliveryStarted", "service": "delivery", "at": "2026-11-23T15:42:07.129002Z", "note": None},
        {"event": "OrderConfirmed", "service": "orders", "at": "2026-11-23T15:42:07.131201Z", "note": None},
    ],
}


class HistoryPage(Body):
    """Which orders of the customer: a page at a time, newest first."""

    limit: int = Field(default=20, ge=1, le=100, description="most orders a page")
    before: UUID | None = Field(default=None, description="only orders placed before this one; the last page's end")


class StepAnswer(Answer):
    """Something that happened to an order, in causal order: what follows from another step stands behind it."""

    event: str
    service: str = Field(description="who said so")
    at: datetime
    note: str | None = Field(description="the reason, where there is one")


class HistoryAnswer(Answer):
    """An order and all its steps so far. Money in cents, times in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: UUID
    product_id: int
    product_name: str
    quantity: int
    amount: int
    placed_at: datetime
    status: Status
    reason: str | None
    steps: list[StepAnswer]


class CustomerAnswer(Answer):
    """A page of a customer's orders; ``next`` is the path of the following one, null on the last."""

    items: list[HistoryAnswer]
    next: str | None


async def page(connection: Connection, customer_id: str, *, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """``limit`` orders of the customer that were placed before the order ``before``, newest first, as
    ``HistoryAnswer``. Two queries, however many there are."""
    orders = await connection.fetch(_PAGE, customer_id=customer_id, before=before or _LAST_ID, limit=limit)
    steps: dict[UUID, list[Row]] = {row["order_id"]: [] for row in orders}
    for row in await connection.fetch(_STEPS, ids=list(steps)):
        steps[row["order_id"]].append(row)
    return [_order(row, in_causal_order(steps[row["order_id"]], _happening)) for row in orders]


def _order(row: Row, steps: Sequence[Row]) -> dict[str, Any]:
    return {
        "id": str(row["order_id"]),
        "productId": row["product_id"],
        "productName": row["product_name"],
        "quantity": row["quantity"],
        "amount": row["amount"],
        "placedAt": row["placed_at"],
        "status": row["status"],
        "reason": row["reason"],
        "steps": [
            {"event": step["event"], "service": SERVICES[step["topic"]], "at": step["at"], "note": step["note"]}
            for step in steps
        ],
    }


def _happening(step: Row) -> Happening:
    return Happening(step["event"], step["topic"], step["sequence"], step["at"].timestamp())
