"""Orders out of what orders itself has announced (``python -m orders_svc recover``; see ``events.recovering``).

An order that was placed after the backup is there again, with all that its events carry. Not among that: the
idempotency key it was placed with, and why delivery refused to cancel it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from events.catalogue import (
    Event,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
)
from events.envelope import Envelope
from events.outbox import Outbox, Transaction
from events.recovering import RecoveryError
from orders_svc import store
from orders_svc.domain import SETTLED, Customer, Order, ShownProduct, Status

TOPICS = ("orders",)
REFUSED = "refused; the reason was lost with the database"


class PutBackOrders:
    async def take(self, transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> int:
        known = await store.load(transaction, {envelope.data.order_id for envelope in envelopes}, lock=True)
        new: dict[UUID, Order] = {}
        changed: dict[UUID, Order] = {}
        for envelope in envelopes:
            order = known.get(envelope.data.order_id)
            if order is None:
                order = known[envelope.data.order_id] = new[envelope.data.order_id] = placed(envelope)
            elif envelope.sequence > order.version:
                bring_further(order, envelope)
                changed[order.id] = order
        if new:
            await store.insert(transaction, new.values())
        if older := [order for order in changed.values() if order.id not in new]:
            await store.save(transaction, older)
        return len(new.keys() | changed.keys())

    async def finish(self, outbox: Outbox) -> int:
        return 0


def placed(envelope: Envelope[Any]) -> Order:
    """The order as it was when it was placed. Raises RecoveryError for any event but its first."""
    event = envelope.data
    if not isinstance(event, OrderPlaced):
        raise RecoveryError(f"order {envelope.key} begins with {envelope.type}: the topic has lost its beginning")
    order = Order.place(
        event.order_id,
        ShownProduct(event.product_id, event.product_name, event.unit_price, event.product_version),
        event.quantity,
        Customer(event.customer_id, event.customer_name, event.address),
        at=envelope.time,
        amount=event.amount,
    )
    order.unit_price = event.unit_price
    order.events.clear()  # they were announced
    return order


def bring_further(order: Order, envelope: Envelope[Any]) -> None:
    """To where an event of its own says that it was afterwards."""
    event = envelope.data
    if order.status is Status.CANCELLING and isinstance(event, OrderConfirmed):
        order.cancellation_refused = REFUSED
    order.status = _STATUS[type(event)]
    order.reason = _REASON[type(event)](event)
    order.version, order.changed_at = envelope.sequence, envelope.time
    order.settled_at = envelope.time if order.status in SETTLED else None


_STATUS: Mapping[type[Event], Status] = {
    OrderPlaced: Status.PENDING,
    OrderConfirmed: Status.CONFIRMED,
    OrderRejected: Status.REJECTED,
    OrderCancellationRequested: Status.CANCELLING,
    OrderCancelled: Status.CANCELLED,
}
_REASON: Mapping[type[Event], Callable[[Any], str | None]] = {
    OrderPlaced: lambda _: None,
    OrderConfirmed: lambda _: None,
    OrderRejected: lambda event: event.reason,
    OrderCancellationRequested: lambda event: event.reason,
    OrderCancelled: lambda event: event.reason,
}
