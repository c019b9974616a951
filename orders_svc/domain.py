"""An order, from the moment it is placed until it is settled.

An order may change through the steps of one table, ``STEPS``, and in no other way. A reaction that arrives late, twice
or out of rank finds no entry there and leaves the order as it is, which is what makes the order between topics
irrelevant: while a cancellation is under way, only delivery's answer to it counts.

Every change raises the version by one and records exactly one event, so the versions are the events' sequence.
Whenever an order becomes confirmed it says so (``OrderConfirmed``), also when a refused cancellation brings it back:
the order may have been cancelled before anybody had heard that it was confirmed.

A promise is no change but a note on how the customer was answered, so it has neither version nor event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
from events.envelope import Envelope, record


class Status(StrEnum):
    PENDING = "pending"
    CANCELLING = "cancelling"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Step(StrEnum):
    CONFIRM = "confirm"
    REJECT = "reject"
    REQUEST_CANCELLATION = "request cancellation"
    CANCEL = "cancel"
    REFUSE_CANCELLATION = "refuse cancellation"


STEPS: Mapping[tuple[Status, Step], Status] = {
    (Status.PENDING, Step.CONFIRM): Status.CONFIRMED,
    (Status.PENDING, Step.REJECT): Status.REJECTED,
    (Status.PENDING, Step.REQUEST_CANCELLATION): Status.CANCELLING,
    (Status.CONFIRMED, Step.REQUEST_CANCELLATION): Status.CANCELLING,
    (Status.CANCELLING, Step.CANCEL): Status.CANCELLED,
    (Status.CANCELLING, Step.REFUSE_CANCELLATION): Status.CONFIRMED,
}
SETTLED = frozenset({Status.CONFIRMED, Status.REJECTED, Status.CANCELLED})


TIMED_OUT = "timed out"
"""The reason of an order that is cancelled because nobody settled it in time."""


class CannotCancel(Exception):
    """The order is rejected or cancelled already, or delivery has refused before: its goods are gone."""


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """A product as the customer saw it when ordering; ``price`` in cents a piece. ``seen_at`` is None when products was
    asked for it, else when products was last asked successfully: the price may be another by now."""

    id: int
    name: str
    price: int
    version: int
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    address: str


@dataclass(slots=True)
class Order:
    """One order. ``unit_price`` and ``amount`` in cents; times in UTC; ``reason`` says why it is (being) undone.

    ``price_seen_at``: products could not be asked, the price is the one last seen, at that time. ``promised_at``: the
    customer was told then that the order is accepted, although delivery could not be asked.
    """

    id: UUID
    product_id: int
    product_name: str
    product_version: int
    quantity: int
    unit_price: int
    amount: int
    customer_id: str
    customer_name: str
    address: str
    status: Status
    reason: str | None
    cancellation_refused: str | None
    version: int
    placed_at: datetime
    settled_at: datetime | None
    changed_at: datetime
    price_seen_at: datetime | None = None
    promised_at: datetime | None = None
    events: list[Envelope[Event]] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def place(
        cls,
        id: UUID,
        product: ShownProduct,
        quantity: int,
        customer: Customer,
        *,
        at: datetime,
        amount: int | None = None,
    ) -> "Order":
        """A pending order at the price that was shown.

        ``amount`` (cents, for all pieces together) is for an order whose total was agreed elsewhere and stands, also
        where it is no whole number of cents a piece: the unit price is then what a piece costs in whole cents, and less
        than one cent a piece is left over.
        """
        unit_price = product.price if amount is None else amount // quantity
        order = cls(
            id=id,
            product_id=product.id,
            product_name=product.name,
            product_version=product.version,
            quantity=quantity,
            unit_price=unit_price,
            amount=quantity * unit_price if amount is None else amount,
            customer_id=customer.id,
            customer_name=customer.name,
            address=customer.address,
            status=Status.PENDING,
            reason=None,
            cancellation_refused=None,
            version=1,
            placed_at=at,
            settled_at=None,
            changed_at=at,
            price_seen_at=product.seen_at,
        )
        order._announce(
            OrderPlaced(
                order_id=id,
                product_id=product.id,
                product_name=product.name,
                product_version=product.version,
                quantity=quantity,
                unit_price=unit_price,
                amount=order.amount,
                customer_id=customer.id,
                customer_name=customer.name,
                address=customer.address,
            )
        )
        return order

    @property
    def settled(self) -> bool:
        """Whether it will not change by itself any more."""
        return self.status in SETTLED

    @property
    def promise_broken(self) -> bool:
        """Whether it was accepted unseen, and then could not be had or was not settled in time. A promised order that
        its customer cancels is none."""
        timed_out = self.status is Status.CANCELLED and self.reason == TIMED_OUT
        return self.promised_at is not None and (self.status is Status.REJECTED or timed_out)

    def promise(self, *, at: datetime) -> None:
        """The customer is told that a pending order is accepted, and it is finished later. Once is enough."""
        if self.status is Status.PENDING and self.promised_at is None:
            self.promised_at = at

    def confirm(self, *, at: datetime) -> None:
        """Its delivery has started."""
        if self._step(Step.CONFIRM, at):
            self._announce(OrderConfirmed(**self._sale()))

    def reject(self, reason: str, *, at: datetime) -> None:
        """It cannot be had. While it is being cancelled, delivery's answer decides instead."""
        if self._step(Step.REJECT, at):
            self.reason = reason
            self._announce(OrderRejected(**self._sale(), reason=reason))

    def request_cancellation(self, reason: str, *, at: datetime) -> None:
        """Asks delivery to undo it; asking again while that is under way changes nothing. Raises CannotCancel."""
        if self.status is Status.CANCELLING:
            return
        if self.cancellation_refused is not None:
            raise CannotCancel(f"delivery has refused before: {self.cancellation_refused}")
        if not self._step(Step.REQUEST_CANCELLATION, at):
            raise CannotCancel(f"the order is {self.status} already")
        self.reason = reason
        self._announce(OrderCancellationRequested(order_id=self.id, reason=reason))

    def cancel(self, *, at: datetime) -> None:
        """Delivery will not deliver it, or has called the goods back."""
        if self._step(Step.CANCEL, at):
            self._announce(OrderCancelled(**self._sale(), reason=self.reason or "cancelled"))

    def refuse_cancellation(self, reason: str, *, at: datetime) -> None:
        """Delivery has handed the goods over: the order stands, and for good."""
        if self._step(Step.REFUSE_CANCELLATION, at):
            self.reason, self.cancellation_refused = None, reason
            self._announce(OrderConfirmed(**self._sale()))

    def _step(self, step: Step, at: datetime) -> bool:
        status = STEPS.get((self.status, step))
        if status is None:
            return False
        self.status = status
        self.version += 1
        self.changed_at = at
        self.settled_at = at if status in SETTLED else None
        return True

    def _announce(self, event: Event) -> None:
        self.events.append(record(event, sequence=self.version, time=self.changed_at))

    def _sale(self) -> dict[str, Any]:
        return {"order_id": self.id, "product_id": self.product_id, "quantity": self.quantity, "amount": self.amount}
