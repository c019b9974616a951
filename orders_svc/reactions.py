"""What orders does when others' events arrive: one short function an event type."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from events.catalogue import CancellationRefused, DeliveryCancelled, DeliveryStarted, Event, StockRejected
from events.envelope import Envelope
from events.outbox import Transaction
from orders_svc import store
from orders_svc.domain import Order
from orders_svc.tracing import trace_of

TOPICS = ("stock", "deliveries")


class UnknownOrder(LookupError):
    """An event about an order that this database has never seen: it becomes a dead letter, not a silence."""


def delivery_started(order: Order, _event: DeliveryStarted, at: datetime) -> None:
    order.confirm(at=at)


def stock_rejected(order: Order, event: StockRejected, at: datetime) -> None:
    order.reject(event.reason, at=at)


def delivery_cancelled(order: Order, _event: DeliveryCancelled, at: datetime) -> None:
    order.cancel(at=at)


def cancellation_refused(order: Order, event: CancellationRefused, at: datetime) -> None:
    order.refuse_cancellation(event.reason, at=at)


REACTIONS: Mapping[type[Event], Callable[[Order, Any, datetime], None]] = {
    DeliveryStarted: delivery_started,
    StockRejected: stock_rejected,
    DeliveryCancelled: delivery_cancelled,
    CancellationRefused: cancellation_refused,
}

Handler = Callable[[Transaction, Sequence[Envelope[Any]]], Awaitable[None]]


def handlers(changed: Callable[[Iterable[Order]], None]) -> dict[type[Event], Handler]:
    """The reactions as the reactions loop runs them: a batch of one event type in one transaction.

    ``changed`` is called with the orders that a batch changed, once that is committed.
    """
    return {event: _in_batches(reaction, changed) for event, reaction in REACTIONS.items()}


def _in_batches(
    reaction: Callable[[Order, Any, datetime], None], changed: Callable[[Iterable[Order]], None]
) -> Handler:
    async def handle(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        orders = await store.load(transaction, {envelope.data.order_id for envelope in envelopes}, lock=True)
        now = datetime.now(UTC)
        for envelope in envelopes:
            order = orders.get(envelope.data.order_id)
            if order is None:
                raise UnknownOrder(f"{envelope.type} is about order {envelope.key}, which is not in this database")
            reaction(order, envelope.data, now)
        touched = [order for order in orders.values() if order.events]
        if touched:
            await store.save(transaction, touched)
            for order in touched:
                transaction.traces.setdefault(str(order.id), trace_of(order.id, None))
                transaction.record(order.events)
            transaction.after_commit(lambda: changed(touched))

    return handle
