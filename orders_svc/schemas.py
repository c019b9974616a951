"""The JSON that orders takes and gives (camelCase), and the examples that its OpenAPI document shows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field

from kit.text import Answer, Body, Identifier, Quantity, Text
from orders_svc.domain import Order, Status

EXAMPLE_ORDER: dict[str, Any] = {
    "id": "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11",
    "productId": 2,
    "productName": "MASK",
    "quantity": 1,
    "price": 20000,
    "amount": 20000,
    "customerId": "guest",
    "customerName": "Guest",
    "address": "to be collected",
    "status": "confirmed",
    "reason": None,
    "cancellationRefused": None,
    "placedAt": "2026-11-23T15:42:07.123456Z",
    "settledAt": "2026-11-23T15:42:07.131201Z",
    "priceSeenAt": None,
    "promisedAt": None,
    "version": 2,
}


class PlaceOrder(Body):
    """What a customer orders. Who and where to may be left out, as in the original lab."""

    product_id: Identifier
    quantity: Quantity
    customer_id: Text = "guest"
    customer_name: Text = "Guest"
    address: Text = "to be collected"


class CancelOrder(Body):
    """Why; may be left out, and so may the whole body."""

    reason: Text = "cancelled by the customer"


class OrdersPage(Body):
    """Which orders: of one customer or of all, a page at a time, oldest first."""

    customer_id: Text | None = Field(default=None, description="only this customer's orders")
    limit: int = Field(default=50, ge=1, le=200, description="most orders a page")
    after: UUID | None = Field(default=None, description="only orders placed after this one; the last page's end")


class OrderAnswer(Answer):
    """An order. Money in cents, times in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ORDER]})

    id: UUID
    product_id: int
    product_name: str
    quantity: int
    price: int = Field(description="a piece, as it was shown to the customer")
    amount: int
    customer_id: str
    customer_name: str
    address: str
    status: Status
    reason: str | None = Field(description="why it was, or is being, undone")
    cancellation_refused: str | None = Field(description="why delivery refused to undo it")
    placed_at: datetime
    settled_at: datetime | None
    price_seen_at: datetime | None = Field(
        description="wiring `chain-breaker`: products did not answer, this is the price that was last seen, and when"
    )
    promised_at: datetime | None = Field(
        description="wiring `chain-breaker`: accepted then, although delivery did not answer; it is asked again later"
    )
    version: int


class OrdersAnswer(Answer):
    """A page of orders; ``next`` is the path of the following one, null on the last."""

    items: list[OrderAnswer]
    next: str | None


class ProblemAnswer(Answer):
    """What went wrong (RFC 9457), as application/problem+json."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def order_json(order: Order) -> dict[str, Any]:
    """An ``OrderAnswer``, ready for ``dumps``."""
    return {
        "id": str(order.id),
        "productId": order.product_id,
        "productName": order.product_name,
        "quantity": order.quantity,
        "price": order.unit_price,
        "amount": order.amount,
        "customerId": order.customer_id,
        "customerName": order.customer_name,
        "address": order.address,
        "status": order.status,
        "reason": order.reason,
        "cancellationRefused": order.cancellation_refused,
        "placedAt": order.placed_at,
        "settledAt": order.settled_at,
        "priceSeenAt": order.price_seen_at,
        "promisedAt": order.promised_at,
        "version": order.version,
    }


def dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
