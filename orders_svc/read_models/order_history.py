"""Order history: a customer's view of all orders, with every step and its time (the original lab's ``mypage``).

It is built from the events of all three services; nobody is asked for anything.
"""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Text, Uuid

from events.catalogue import (
    CancellationRefused,
    DeliveryCancelled,
    DeliveryCompleted,
    DeliveryStarted,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderKeyed,
    OrderPlaced,
    OrderRejected,
    StockRejected,
    StockReleased,
    StockReserved,
)
from events.envelope import Envelope
from events.merged_model import Change, MergedModel
from events.merging import Merged
from orders_svc.domain import Status
from orders_svc.read_models.tables import metadata

history_orders = Table(
    "history_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("customer_id", Text),
    Column("product_id", BigInteger),
    Column("product_name", Text),
    Column("quantity", BigInteger),
    Column("amount", BigInteger),
    Column("placed_at", DateTime(timezone=True)),
    Index("history_orders_of_customer", "customer_id", "order_id"),
)
"""What only OrderPlaced tells (the customer, the goods, the amount in cents) is null until that was read."""

history_steps = Table(
    "history_steps",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("event", Text),
    Column("at", DateTime(timezone=True)),
    Column("note", Text),
)
"""One row an event: ``topic`` is the logical one, ``sequence`` the version of the aggregate there, ``at`` business
time."""

ORDERS = Merged(history_orders, version="version", newest=("status", "reason"))
STEPS = Merged(history_steps)

_UNKNOWN = (None,) * 6


def order_placed(envelope: Envelope[OrderPlaced]) -> Iterable[Change]:
    order = envelope.data
    goods = (order.customer_id, order.product_id, order.product_name, order.quantity, order.amount, envelope.time)
    row = (order.order_id, envelope.sequence, Status.PENDING.value, None, *goods)
    return Change(ORDERS, row), _step(envelope)


def order_confirmed(envelope: Envelope[OrderConfirmed]) -> Iterable[Change]:
    return _becomes(envelope, Status.CONFIRMED, None), _step(envelope)


def order_rejected(envelope: Envelope[OrderRejected]) -> Iterable[Change]:
    return _becomes(envelope, Status.REJECTED, envelope.data.reason), _step(envelope, envelope.data.reason)


def cancellation_requested(envelope: Envelope[OrderCancellationRequested]) -> Iterable[Change]:
    return _becomes(envelope, Status.CANCELLING, envelope.data.reason), _step(envelope, envelope.data.reason)


def order_cancelled(envelope: Envelope[OrderCancelled]) -> Iterable[Change]:
    return _becomes(envelope, Status.CANCELLED, envelope.data.reason), _step(envelope, envelope.data.reason)


def a_step(envelope: Envelope[OrderKeyed]) -> Iterable[Change]:
    """Something that happened at products or at delivery."""
    return (_step(envelope, getattr(envelope.data, "reason", None)),)


def _becomes(envelope: Envelope[OrderKeyed], status: Status, reason: str | None) -> Change:
    return Change(ORDERS, (envelope.data.order_id, envelope.sequence, status.value, reason, *_UNKNOWN))


def _step(envelope: Envelope[OrderKeyed], note: str | None = None) -> Change:
    event = envelope.data
    return Change(STEPS, (event.order_id, event.topic, envelope.sequence, type(event).__name__, envelope.time, note))


MODEL = MergedModel(
    name="order-history",
    topics=("orders", "stock", "deliveries"),
    functions={
        OrderPlaced: order_placed,
        OrderConfirmed: order_confirmed,
        OrderRejected: order_rejected,
        OrderCancellationRequested: cancellation_requested,
        OrderCancelled: order_cancelled,
        **dict.fromkeys((StockReserved, StockRejected, StockReleased), a_step),
        **dict.fromkeys((DeliveryStarted, DeliveryCompleted, DeliveryCancelled, CancellationRefused), a_step),
    },
    tables=(ORDERS, STEPS),
    within_seconds=0.25,
)
