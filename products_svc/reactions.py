"""What products does when orders' events arrive."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from events.catalogue import Event, OrderCancelled, OrderPlaced
from events.envelope import Envelope
from events.outbox import Transaction
from events.reactions import Handler
from products_svc import store, telemetry

TOPICS = ("orders",)


async def order_placed(transaction: Transaction, events: Sequence[Envelope[OrderPlaced]]) -> None:
    """Takes the stock of each order, first come, first served, or says why not. An order keeps the price that was shown
    to the customer; one whose product has another price by now is counted."""
    at = datetime.now(UTC)
    placed = [event.data for event in events]
    warehouse = await store.load(transaction, (one.product_id for one in placed), (one.order_id for one in placed))
    for one in placed:
        warehouse.reserve(one.order_id, one.product_id, one.quantity, at=at, shown_price=one.unit_price)
    warehouse.close(at=at)
    await store.save(transaction, warehouse)
    if outdated := warehouse.new_at_outdated_price:
        transaction.after_commit(partial(telemetry.OUTDATED_PRICES.inc, outdated))


async def order_cancelled(transaction: Transaction, events: Sequence[Envelope[OrderCancelled]]) -> None:
    """Puts back what each order holds; one that has not been here yet will get nothing."""
    at = datetime.now(UTC)
    cancelled = [event.data for event in events]
    warehouse = await store.load(transaction, (), (one.order_id for one in cancelled))
    for one in cancelled:
        warehouse.release(one.order_id, at=at, product_id=one.product_id, quantity=one.quantity)
    warehouse.close(at=at)
    await store.save(transaction, warehouse)


REACTIONS: Mapping[type[Event], Handler] = {OrderPlaced: order_placed, OrderCancelled: order_cancelled}
