"""What others' events look like to orders, and handling them without a broker between."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from events.catalogue import CancellationRefused, DeliveryCancelled, DeliveryStarted, Event, StockRejected
from events.envelope import record
from events.outbox import Outbox
from orders_svc.domain import Order
from orders_svc.reactions import handlers


def started(order_id: str | UUID) -> DeliveryStarted:
    return DeliveryStarted(
        order_id=UUID(str(order_id)),
        delivery_id=uuid4(),
        product_id=2,
        product_name="MASK",
        quantity=1,
        customer_id="guest",
        customer_name="Guest",
        address="to be collected",
    )


def rejected(order_id: str | UUID, reason: str = "out of stock") -> StockRejected:
    return StockRejected(order_id=UUID(str(order_id)), product_id=2, quantity=1, reason=reason)


def cancelled(order_id: str | UUID) -> DeliveryCancelled:
    return DeliveryCancelled(order_id=UUID(str(order_id)), delivery_id=uuid4())


def refused(order_id: str | UUID, reason: str = "delivered already") -> CancellationRefused:
    return CancellationRefused(order_id=UUID(str(order_id)), delivery_id=uuid4(), reason=reason)


def _nobody(_orders: Iterable[Order]) -> None:
    pass


async def happen(outbox: Outbox, *events: Event, tell: Callable[[Iterable[Order]], None] = _nobody) -> None:
    """Each of ``events`` (all of one type) as one batch of the reactions loop."""
    [kind] = {type(event) for event in events}
    envelopes = [record(event, sequence=1, time=datetime.now(UTC)) for event in events]
    async with outbox.transaction() as transaction:
        await handlers(tell)[kind](transaction, envelopes)
