"""The JSON that delivery takes and gives (camelCase), and the examples that its OpenAPI document shows."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field

from delivery_svc.domain import Delivery, Details, State
from kit.text import Answer, Body, Identifier, Quantity, Text

EXAMPLE_ORDER_ID = "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11"
EXAMPLE_DELIVERY: dict[str, Any] = {
    "deliveryId": "019ab0f2-6f81-7a02-9d1c-64c1e02b7733",
    "orderId": EXAMPLE_ORDER_ID,
    "state": "started",
    "productId": 2,
    "productName": "MASK",
    "quantity": 1,
    "customerId": "c-42",
    "customerName": "Kim",
    "address": "1 Sejong-daero, Seoul",
    "startedAt": "2026-11-23T15:42:07.129872Z",
    "version": 2,
}


class Deliver(Body):
    """An order whose goods are to be delivered."""

    order_id: UUID
    product_id: Identifier
    product_name: Text
    quantity: Quantity
    customer_id: Text
    customer_name: Text
    address: Text

    def details(self) -> Details:
        return Details(
            product_id=self.product_id,
            product_name=self.product_name,
            quantity=self.quantity,
            customer_id=self.customer_id,
            customer_name=self.customer_name,
            address=self.address,
        )


class Try(Deliver):
    """An order whose delivery is to be kept ready for so long, unless that is confirmed or cancelled before."""

    expires_in_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class DeliveriesPage(Body):
    """Which deliveries: of a customer, of an order, or of all, a page at a time, oldest first."""

    customer_id: Text | None = Field(default=None, description="only this customer's deliveries")
    order_id: UUID | None = Field(default=None, description="only this order's delivery")
    limit: int = Field(default=50, ge=1, le=200, description="most deliveries a page")
    after: UUID | None = Field(default=None, description="only deliveries after this one; the last page's end")


class DeliveryAnswer(Answer):
    """A delivery. What and where to are null while only the stock, or a cancellation, was heard of."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_DELIVERY]})

    delivery_id: UUID
    order_id: UUID
    state: State
    product_id: int | None
    product_name: str | None
    quantity: int | None
    customer_id: str | None
    customer_name: str | None
    address: str | None
    started_at: datetime | None
    version: int


class DeliveriesAnswer(Answer):
    """A page of deliveries; ``next`` is the path of the following one, null on the last."""

    items: list[DeliveryAnswer]
    next: str | None


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """A ``DeliveryAnswer``, ready for ``dumps``."""
    details = delivery.details
    return {
        "deliveryId": str(delivery.delivery_id),
        "orderId": str(delivery.order_id),
        "state": delivery.state,
        "productId": details and details.product_id,
        "productName": details and details.product_name,
        "quantity": details and details.quantity,
        "customerId": details and details.customer_id,
        "customerName": details and details.customer_name,
        "address": details and details.address,
        "startedAt": delivery.started_at,
        "version": delivery.version,
    }


def dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)
