"""One order's delivery, from the first that is heard of the order until the goods are handed over.

Two things must be known before the goods leave: what and where to (``OrderPlaced``), and that the stock is there
(``StockReserved``). They come on different topics, in any order; whichever comes last starts the delivery.

Delivery is the arbiter of cancellations, because only it knows whether the goods are gone: until they are handed over a
request is granted (and remembered, if the order is not known yet), afterwards it is refused.

Whatever the order between the topics, an order ends in the same state with the same details.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.catalogue import (
    CancellationRefused,
    DeliveryCancelled,
    DeliveryCompleted,
    DeliveryStarted,
    Event,
    OrderPlaced,
)
from events.envelope import Envelope, record

DELIVERED_ALREADY = "delivered already"


class State(StrEnum):
    """``UNHEARD_OF`` is never stored."""

    UNHEARD_OF = "unheard_of"
    AWAITING_STOCK = "awaiting_stock"
    AWAITING_DETAILS = "awaiting_details"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NOT_NEEDED = "not_needed"
    TENTATIVE = "tentative"
    EXPIRED = "expired"


class NotUnderWay(Exception):
    """Only goods that are on their way can be handed over."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is to be delivered, and to whom."""

    product_id: int
    product_name: str
    quantity: int
    customer_id: str
    customer_name: str
    address: str

    @classmethod
    def of(cls, event: OrderPlaced | DeliveryStarted) -> "Details":
        """As the event tells them."""
        return cls(
            product_id=event.product_id,
            product_name=event.product_name,
            quantity=event.quantity,
            customer_id=event.customer_id,
            customer_name=event.customer_name,
            address=event.address,
        )


@dataclass(slots=True)
class Delivery:
    """``details`` is None until the order was heard of; ``version`` counts the changes and is the events' sequence.
    ``expires_at`` is set while the delivery is only tentative (see ``delivery_svc.tries``).
    ``loaded_version`` and ``details_are_new`` tell what differs from what is stored."""

    order_id: UUID
    delivery_id: UUID
    state: State = State.UNHEARD_OF
    details: Details | None = None
    version: int = 0
    started_at: datetime | None = None
    changed_at: datetime | None = None
    expires_at: datetime | None = None
    loaded_version: int = field(default=0, compare=False, repr=False)
    details_are_new: bool = field(default=False, compare=False, repr=False)
    events: list[Envelope[Event]] = field(default_factory=list, compare=False, repr=False)

    @property
    def changed(self) -> bool:
        """Whether it differs from what was loaded."""
        return self.version != self.loaded_version

    def order_placed(self, details: Details, *, at: datetime) -> None:
        """Now it is known what and where to; also kept for an order that will not be delivered."""
        if self.details is not None:
            return
        self.details, self.details_are_new = details, True
        if self.state is State.UNHEARD_OF:
            self.become(State.AWAITING_STOCK, at)
        elif self.state is State.AWAITING_DETAILS:
            self.start(at=at)
        else:
            self.become(self.state, at)

    def stock_reserved(self, *, at: datetime) -> None:
        """The goods are there. For an order that was cancelled they are not taken."""
        if self.state is State.UNHEARD_OF:
            self.become(State.AWAITING_DETAILS, at)
        elif self.state is State.AWAITING_STOCK:
            self.start(at=at)

    def stock_rejected(self, *, at: datetime) -> None:
        """There is nothing to deliver."""
        if self.state in (State.UNHEARD_OF, State.AWAITING_STOCK):
            self.become(State.NOT_NEEDED, at)

    def request_cancellation(self, *, at: datetime) -> bool:
        """Whether the order is undone as far as delivery goes; False when the goods were handed over already.

        A repeated request is answered by silence when it was granted (the answer is on its way), and refused anew when
        it was refused: by then the order may have been confirmed and another request made.
        """
        if self.state is State.COMPLETED:
            refused = CancellationRefused(
                order_id=self.order_id, delivery_id=self.delivery_id, reason=DELIVERED_ALREADY
            )
            self.become(State.COMPLETED, at, refused)
            return False
        if self.state is not State.CANCELLED:
            cancelled = DeliveryCancelled(order_id=self.order_id, delivery_id=self.delivery_id)
            self.become(State.CANCELLED, at, cancelled)
        return True

    def complete(self, *, at: datetime) -> None:
        """The goods were handed over; doing it again changes nothing. Raises NotUnderWay."""
        if self.state is State.COMPLETED:
            return
        if self.state is not State.STARTED:
            raise NotUnderWay(f"the delivery is {self.state.replace('_', ' ')}, only a started one can be completed")
        completed = DeliveryCompleted(order_id=self.order_id, delivery_id=self.delivery_id)
        self.become(State.COMPLETED, at, completed)

    def start(self, *, at: datetime) -> None:
        """The goods are on their way; what and where to must be known."""
        details = self.details
        assert details is not None
        self.started_at = at
        started = DeliveryStarted(
            order_id=self.order_id,
            delivery_id=self.delivery_id,
            product_id=details.product_id,
            product_name=details.product_name,
            quantity=details.quantity,
            customer_id=details.customer_id,
            customer_name=details.customer_name,
            address=details.address,
        )
        self.become(State.STARTED, at, started)

    def become(self, state: State, at: datetime, event: Event | None = None) -> None:
        """One change; only a delivery that becomes tentative has a time to expire at afterwards."""
        self.state, self.changed_at, self.expires_at = state, at, None
        self.version += 1
        if event is not None:
            self.events.append(record(event, sequence=self.version, time=at))
