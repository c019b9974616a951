"""Every event of the shop at a glance: who publishes it, on which topic, under which key, and what it says.

An event is a fact, named in the past tense, published by the service that owns it, never changed. Its wire type is
``shop.<topic>.<Name>.v<major>``; readers ignore fields they do not know, so adding an optional field is no new
version. A change that an old reader cannot stand is a new major version with an upcaster in ``events.upcasting``.
Money is integer cents. JSON is camelCase, as the original shop's.
"""

from functools import cache
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Event(BaseModel):
    """A fact. ``topic`` is the logical topic (``<prefix>.<topic>`` at the broker), ``key`` the aggregate's id."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    topic: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def key(self) -> str:
        raise TypeError(f"{type(self).__name__} does not say which aggregate it belongs to")

    @classmethod
    @cache
    def type_name(cls) -> str:
        """The wire type without its version, for example ``shop.orders.OrderPlaced``."""
        return f"shop.{cls.topic}.{cls.__name__}"

    @classmethod
    @cache
    def wire_type(cls) -> str:
        """The wire type, for example ``shop.orders.OrderPlaced.v1``."""
        return f"{cls.type_name()}.v{cls.version}"


class OrderKeyed(Event):
    """An event about one order; all of them carry the order's id as key, so one order's events stay in order."""

    order_id: UUID

    @property
    def key(self) -> str:
        return str(self.order_id)


# --- orders: key order id, kept for ever ---------------------------------------------------------


class OrderPlaced(OrderKeyed):
    """A customer placed an order. It carries the whole order, at the price (cents) that was shown to the customer."""

    topic = "orders"
    product_id: int
    product_name: str
    product_version: int
    quantity: int
    unit_price: int
    amount: int
    customer_id: str
    customer_name: str
    address: str


class OrderConfirmed(OrderKeyed):
    """The delivery has started; the order stands."""

    topic = "orders"
    product_id: int
    quantity: int
    amount: int


class OrderRejected(OrderKeyed):
    """The order cannot be had, for ``reason``; it holds no stock."""

    topic = "orders"
    product_id: int
    quantity: int
    amount: int
    reason: str


class OrderCancellationRequested(OrderKeyed):
    """The customer, or the time-out of a pending order, wants the order undone; delivery decides."""

    topic = "orders"
    reason: str


class OrderCancelled(OrderKeyed):
    """The order is undone; whatever stock it holds must be released."""

    topic = "orders"
    product_id: int
    quantity: int
    amount: int
    reason: str


# --- stock: published by products, key order id, kept for ever -----------------------------------


class StockReserved(OrderKeyed):
    """Stock was taken for the order."""

    topic = "stock"
    product_id: int
    quantity: int


class StockRejected(OrderKeyed):
    """No stock was taken for the order, for ``reason``."""

    topic = "stock"
    product_id: int
    quantity: int
    reason: str


class StockReleased(OrderKeyed):
    """Stock that the order held went back."""

    topic = "stock"
    product_id: int
    quantity: int


# --- deliveries: key order id, kept for ever -----------------------------------------------------


class DeliveryStarted(OrderKeyed):
    """The goods of the order are on their way."""

    topic = "deliveries"
    delivery_id: UUID
    product_id: int
    product_name: str
    quantity: int
    customer_id: str
    customer_name: str
    address: str


class DeliveryCompleted(OrderKeyed):
    """The goods were handed over; the order can no longer be cancelled."""

    topic = "deliveries"
    delivery_id: UUID


class DeliveryCancelled(OrderKeyed):
    """The order will not be delivered. Also published for an order that had no delivery yet, and never gets one."""

    topic = "deliveries"
    delivery_id: UUID


class CancellationRefused(OrderKeyed):
    """The order was delivered already and cannot be undone."""

    topic = "deliveries"
    delivery_id: UUID
    reason: str


# --- products: key product id, compacted ---------------------------------------------------------


class ProductChanged(Event):
    """The full state of a product after a change; the envelope's sequence is the product's version."""

    topic = "products"
    product_id: int
    name: str
    price: int
    stock: int
    image_url: str
    withdrawn: bool

    @property
    def key(self) -> str:
        return str(self.product_id)


CATALOGUE: tuple[type[Event], ...] = (
    OrderPlaced,
    OrderConfirmed,
    OrderRejected,
    OrderCancellationRequested,
    OrderCancelled,
    StockReserved,
    StockRejected,
    StockReleased,
    DeliveryStarted,
    DeliveryCompleted,
    DeliveryCancelled,
    CancellationRefused,
    ProductChanged,
)

BY_TYPE_NAME: dict[str, type[Event]] = {event.type_name(): event for event in CATALOGUE}
