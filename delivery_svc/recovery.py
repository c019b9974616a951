"""Deliveries out of what delivery itself has announced (``python -m delivery_svc recover``; see ``events.recovering``).

What delivery knew and had not announced (an order that waits for its stock) comes back by itself: orders' and products'
events since the backup are handled once more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from delivery_svc import store
from delivery_svc.domain import Delivery, Details, State
from events.catalogue import CancellationRefused, DeliveryCancelled, DeliveryCompleted, DeliveryStarted, Event
from events.envelope import Envelope
from events.outbox import Outbox, Transaction

TOPICS = ("deliveries",)

_STATE: Mapping[type[Event], State] = {
    DeliveryStarted: State.STARTED,
    DeliveryCompleted: State.COMPLETED,
    DeliveryCancelled: State.CANCELLED,
    CancellationRefused: State.COMPLETED,
}


class PutBackDeliveries:
    async def take(self, transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> int:
        results = await store.apply(transaction, [(each.data.order_id, _change(each)) for each in envelopes])
        return len({delivery.order_id for delivery, _ in results if delivery.changed})

    async def finish(self, outbox: Outbox) -> int:
        return 0


def bring_further(delivery: Delivery, envelope: Envelope[Any]) -> None:
    """To where an event of its own says that it was afterwards."""
    event = envelope.data
    if envelope.sequence <= delivery.version:
        return
    delivery.delivery_id = event.delivery_id
    if isinstance(event, DeliveryStarted):
        delivery.started_at = envelope.time
        if delivery.details is None:
            delivery.details_are_new = True
            delivery.details = Details.of(event)
    delivery.state, delivery.changed_at, delivery.expires_at = _STATE[type(event)], envelope.time, None
    delivery.version = envelope.sequence


def _change(envelope: Envelope[Any]) -> store.Change:
    return lambda delivery: bring_further(delivery, envelope)
