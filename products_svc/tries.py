"""Stock that is taken on trial (Try-Confirm/Cancel): the try, its confirmation, its cancellation, its end in time.

A try takes the stock at once, so that nobody else can have it, and holds it until it is confirmed or cancelled, or
until its time is up. From that moment it cannot be confirmed any more, whether or not a sweep has put the stock back.

Everything may be repeated: what was decided once stays, and a cancellation that comes before its try is remembered.
Each function changes the warehouse, and raises TryRefused when the answer is no. That leaves what was decided before as
it was; only a first try for which there is no stock is noted as rejected, and a try whose time is up has expired.
"""

from datetime import datetime
from uuid import UUID

from products_svc.domain import Reservation, State, Warehouse

EXPIRED = "the try expired before it was confirmed"


class TryRefused(Exception):
    """A step that a try cannot take.

    TryRefused
    ├── UnknownProduct there is no such product; nothing is noted
    ├── NoStock        there is none for the order; the reservation says why
    ├── UnknownTry     nothing was ever tried for the order
    ├── OtherContent   the order has tried another product or quantity
    ├── TryExpired     its time was up
    ├── TryCancelled   it was cancelled, perhaps before it came
    └── TryConfirmed   it was confirmed, and only a cancellation of the whole order undoes that
    """

    def __init__(self, reservation: Reservation) -> None:
        super().__init__(f"the reservation of order {reservation.order_id} is {reservation.state}")
        self.reservation = reservation


class UnknownProduct(TryRefused):
    pass


class NoStock(TryRefused):
    pass


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


def attempt(
    warehouse: Warehouse, order_id: UUID, product_id: int, quantity: int, *, at: datetime, until: datetime
) -> Reservation:
    """Takes the stock until then. Repeated, it changes nothing, and does not give the try more time.

    Raises UnknownProduct, NoStock, OtherContent, TryExpired, TryCancelled.
    """
    known = warehouse.reservations.get(order_id)
    if known is None and product_id not in warehouse.products:
        raise UnknownProduct(Reservation(order_id, product_id=product_id))
    if known is None:
        made = warehouse.reserve(order_id, product_id, quantity, at=at)
        if made.state is not State.RESERVED:
            raise NoStock(made)
        made.state, made.expires_at = State.TRIED, until
        return made
    if known.product_id is not None and (known.product_id, known.quantity) != (product_id, quantity):
        raise OtherContent(known)
    expire(warehouse, known, at=at)
    if known.state is State.REJECTED:
        raise NoStock(known)
    return _not_undone(known)


def confirm(warehouse: Warehouse, order_id: UUID, *, at: datetime) -> Reservation:
    """The order has its stock for good. Raises UnknownTry, NoStock, TryExpired, TryCancelled."""
    known = _known(warehouse, order_id)
    expire(warehouse, known, at=at)
    if known.state is State.REJECTED:
        raise NoStock(known)
    if _not_undone(known).state is State.TRIED:
        known.decide(State.RESERVED, at=at)
    return known


def cancel(warehouse: Warehouse, order_id: UUID, *, at: datetime) -> Reservation:
    """The order holds nothing, and will not get anything. Raises TryConfirmed."""
    known = warehouse.reservations.get(order_id)
    if known is not None and known.state is State.RESERVED:
        raise TryConfirmed(known)
    if known is not None:
        expire(warehouse, known, at=at)
    return warehouse.release(order_id, at=at)


def expire(warehouse: Warehouse, reservation: Reservation, *, at: datetime) -> bool:
    """Puts the stock of a try back whose time is up; whether it was."""
    if reservation.expires_at is None or reservation.expires_at > at:
        return False
    warehouse.release(reservation.order_id, at=at)
    reservation.state, reservation.reason = State.EXPIRED, EXPIRED
    return True


def _known(warehouse: Warehouse, order_id: UUID) -> Reservation:
    known = warehouse.reservations.get(order_id)
    if known is None:
        raise UnknownTry(Reservation(order_id))
    return known


def _not_undone(known: Reservation) -> Reservation:
    if known.state is State.EXPIRED:
        raise TryExpired(known)
    if known.state is State.RELEASED:
        raise TryCancelled(known)
    return known
