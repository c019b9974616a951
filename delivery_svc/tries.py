"""A delivery on trial (Try-Confirm/Cancel): kept ready, confirmed, cancelled, or ended by time.

A tentative delivery starts when it is confirmed. When its time is up it cannot be confirmed any more, whether or not a
sweep has ended it. Everything may be repeated: what was decided once stays, and a cancellation that comes before its
try is remembered. Each function changes the delivery, and raises TryRefused when the answer is no; then the delivery is
as it was, except that one whose time is up has expired.
"""

from datetime import datetime
from uuid import UUID

from delivery_svc.domain import Delivery, Details, State


class TryRefused(Exception):
    """A step that a try cannot take.

    TryRefused
    ├── UnknownTry     nothing was ever tried for the order
    ├── OtherContent   the order has tried to have something else delivered, or to somebody else
    ├── TryExpired     its time was up
    ├── TryCancelled   it was cancelled, perhaps before it came
    └── TryConfirmed   it was confirmed, and only a cancellation of the whole order undoes that
    """

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(f"the delivery of order {delivery.order_id} is {delivery.state}")
        self.order_id: UUID = delivery.order_id


class UnknownTry(TryRefused):
    pass


class OtherContent(TryRefused):
    pass


class TryExpired(TryRefused):
    pass


class TryCancelled(TryRefused):
    pass


class TryConfirmed(TryRefused):
    pass


def attempt(delivery: Delivery, details: Details, *, at: datetime, until: datetime) -> None:
    """Keeps the delivery ready until then. Repeated, it changes nothing, and does not give the try more time.

    Raises OtherContent, TryExpired, TryCancelled.
    """
    if delivery.state is State.UNHEARD_OF:
        delivery.details, delivery.details_are_new = details, True
        delivery.become(State.TENTATIVE, at)
        delivery.expires_at = until
        return
    if delivery.details not in (None, details):
        raise OtherContent(delivery)
    expire(delivery, at=at)
    _must_not_be_undone(delivery)


def confirm(delivery: Delivery, *, at: datetime) -> None:
    """The delivery starts. Raises UnknownTry, TryExpired, TryCancelled."""
    if delivery.state is State.UNHEARD_OF:
        raise UnknownTry(delivery)
    expire(delivery, at=at)
    _must_not_be_undone(delivery)
    if delivery.state is State.TENTATIVE:
        delivery.start(at=at)


def cancel(delivery: Delivery, *, at: datetime) -> None:
    """Nothing will be delivered. Raises TryConfirmed."""
    if delivery.state in (State.STARTED, State.COMPLETED):
        raise TryConfirmed(delivery)
    expire(delivery, at=at)
    if delivery.state in (State.UNHEARD_OF, State.TENTATIVE):
        delivery.become(State.CANCELLED, at)


def expire(delivery: Delivery, *, at: datetime) -> bool:
    """Ends a try whose time is up; whether it did."""
    if delivery.expires_at is None or delivery.expires_at > at:
        return False
    delivery.become(State.EXPIRED, at)
    return True


def _must_not_be_undone(delivery: Delivery) -> None:
    if delivery.state is State.EXPIRED:
        raise TryExpired(delivery)
    if delivery.state is State.CANCELLED:
        raise TryCancelled(delivery)
