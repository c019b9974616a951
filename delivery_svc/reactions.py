"""What delivery does when orders' and products' events arrive."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from delivery_svc import store
from delivery_svc.domain import Delivery, Details
from events.catalogue import Event, OrderCancellationRequested, OrderPlaced, StockRejected, StockReserved
from events.envelope import Envelope
from events.outbox import Transaction
from events.reactions import Handler

TOPICS = ("orders", "stock")


def order_placed(delivery: Delivery, event: OrderPlaced, at: datetime) -> None:
    """Keeps its own copy of what it needs of the order; starts the delivery if the stock was reserved before."""
    delivery.order_placed(Details.of(event), at=at)


def stock_reserved(delivery: Delivery, _event: StockReserved, at: datetime) -> None:
    """Starts the delivery if the order is known."""
    delivery.stock_reserved(at=at)


def stock_rejected(delivery: Delivery, _event: StockRejected, at: datetime) -> None:
    delivery.stock_rejected(at=at)


def cancellation_requested(delivery: Delivery, _event: OrderCancellationRequested, at: datetime) -> None:
    """Grants it or refuses it."""
    delivery.request_cancellation(at=at)


def _in_batches(reaction: Callable[[Delivery, Any, datetime], None]) -> Handler:
    """The reaction as the reactions loop runs it: a batch of one event type in one transaction."""

    async def handle(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        at = datetime.now(UTC)
        await store.apply(transaction, [(one.data.order_id, _change(reaction, one.data, at)) for one in envelopes])

    return handle


def _change(reaction: Callable[[Delivery, Any, datetime], None], event: Event, at: datetime) -> store.Change:
    return lambda delivery: reaction(delivery, event, at)


REACTIONS: Mapping[type[Event], Handler] = {
    OrderPlaced: _in_batches(order_placed),
    StockReserved: _in_batches(stock_reserved),
    StockRejected: _in_batches(stock_rejected),
    OrderCancellationRequested: _in_batches(cancellation_requested),
}
