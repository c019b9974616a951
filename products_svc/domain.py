"""Products, what orders have taken of them, and the rules of both.

- Stock never goes below zero, and every change of it is a movement in the ledger: at any time a product's stock is the
  sum of its movements.
- An order takes its stock once. What was decided for it is its reservation; asking again changes nothing.
- An order that was cancelled before it took anything is remembered as released, so that it takes nothing afterwards.

Nothing here reads or writes: a ``Warehouse`` is filled with what a transaction has locked, changed, and saved.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.catalogue import Event, ProductChanged, StockRejected, StockReleased, StockReserved
from events.envelope import Envelope, record

MOST_STOCK = 10**15
HIGHEST_ID = 2**53 - 1
"""What every JSON reader takes for a whole number; a product's id may not be higher."""


class StockError(Exception):
    """A change that a product cannot make; the product is as it was.

    StockError
    ├── OutOfStock     there is less than what is to be taken
    └── TooMuchStock   there would be more than ``MOST_STOCK``
    """


class OutOfStock(StockError):
    pass


class TooMuchStock(StockError):
    pass


class Cause(StrEnum):
    """Why stock changed."""

    PUT_IN = "put_in"
    TAKEN_OUT = "taken_out"
    RESERVED = "reserved"
    RELEASED = "released"


class State(StrEnum):
    """What became of an order's wish for stock. ``UNDECIDED`` is never stored."""

    UNDECIDED = "undecided"
    RESERVED = "reserved"
    REJECTED = "rejected"
    RELEASED = "released"
    TRIED = "tried"
    EXPIRED = "expired"


class Refusal(StrEnum):
    """Why an order gets no stock, in words for the customer."""

    UNKNOWN = "unknown product"
    WITHDRAWN = "product withdrawn"
    OUT_OF_STOCK = "out of stock"


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of the stock ledger; ``balance`` is the stock after it."""

    product_id: int
    delta: int
    balance: int
    cause: Cause
    at: datetime
    order_id: UUID | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Product:
    """One product; ``price`` in cents, ``version`` counts its changes: 1 once it exists, 0 before."""

    id: int
    name: str
    price: int
    stock: int
    image_url: str
    withdrawn: bool
    version: int
    changed_at: datetime
    movements: list[Movement] = field(default_factory=list, compare=False, repr=False)
    events: list[Envelope[Event]] = field(default_factory=list, compare=False, repr=False)
    _differs: bool = field(default=False, compare=False, repr=False)

    @classmethod
    def new(cls, id: int, name: str, price: int, stock: int, image_url: str, *, at: datetime) -> "Product":
        """A product that did not exist before, with ``stock`` put in (an entry in the ledger even if that is 0)."""
        product = cls(id, name, price, 0, image_url, withdrawn=False, version=0, changed_at=at)
        product._move(stock, Cause.PUT_IN, at)
        product.announce(at=at)
        return product

    def put_in(self, quantity: int, *, at: datetime, idempotency_key: str | None = None) -> None:
        """Raises TooMuchStock."""
        self._move(_positive(quantity), Cause.PUT_IN, at, idempotency_key=idempotency_key)

    def take_out(self, quantity: int, *, at: datetime, idempotency_key: str | None = None) -> None:
        """Raises OutOfStock."""
        self._move(-_positive(quantity), Cause.TAKEN_OUT, at, idempotency_key=idempotency_key)

    def reserve(self, order_id: UUID, quantity: int, *, at: datetime) -> None:
        """Raises OutOfStock. Whether the order has reserved before is its reservation's matter."""
        self._move(-_positive(quantity), Cause.RESERVED, at, order_id=order_id)

    def release(self, order_id: UUID, quantity: int, *, at: datetime) -> None:
        """Puts back what ``reserve`` took, whatever else has happened to the product since."""
        self._move(_positive(quantity), Cause.RELEASED, at, order_id=order_id)

    def change(
        self,
        *,
        name: str | None = None,
        price: int | None = None,
        image_url: str | None = None,
        withdrawn: bool | None = None,
    ) -> None:
        """Sets what is given (None: stays as it is). A withdrawn product is not sold; what was sold stays sold."""
        before = (self.name, self.price, self.image_url, self.withdrawn)
        self.name = self.name if name is None else name
        self.price = self.price if price is None else price
        self.image_url = self.image_url if image_url is None else image_url
        self.withdrawn = self.withdrawn if withdrawn is None else withdrawn
        self._differs |= before != (self.name, self.price, self.image_url, self.withdrawn)

    def announce(self, *, at: datetime, anew: bool = False) -> None:
        """Ends a transaction's changes: all of them together are one new version and one ProductChanged. ``anew``: also
        where there are none."""
        if not (self._differs or anew):
            return
        self._differs = False
        self.version += 1
        self.changed_at = at
        state = ProductChanged(
            product_id=self.id,
            name=self.name,
            price=self.price,
            stock=self.stock,
            image_url=self.image_url,
            withdrawn=self.withdrawn,
        )
        self.events.append(record(state, sequence=self.version, time=at))

    def _move(
        self,
        delta: int,
        cause: Cause,
        at: datetime,
        *,
        order_id: UUID | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        balance = self.stock + delta
        if balance < 0:
            raise OutOfStock(f"there are {self.stock} of product {self.id}, {-delta} cannot be taken")
        if balance > MOST_STOCK and cause is not Cause.RELEASED:
            raise TooMuchStock(f"product {self.id} would have {balance} in stock, over {MOST_STOCK}")
        self.stock = balance
        self.movements.append(Movement(self.id, delta, balance, cause, at, order_id, idempotency_key))
        self._differs = True


@dataclass(slots=True)
class Reservation:
    """What was decided for one order. ``product_id`` and ``quantity`` are None when it was released before anybody said
    what it was about; ``held`` is what it has of the stock now. ``outdated_price``: when it was decided, the product's
    price was another than the order's. ``expires_at`` is set while it is only tried."""

    order_id: UUID
    state: State = State.UNDECIDED
    product_id: int | None = None
    quantity: int | None = None
    reason: str | None = None
    version: int = 0
    changed_at: datetime | None = None
    outdated_price: bool = False
    expires_at: datetime | None = None
    loaded_version: int = field(default=0, compare=False, repr=False)
    events: list[Envelope[Event]] = field(default_factory=list, compare=False, repr=False)

    @property
    def changed(self) -> bool:
        return self.version != self.loaded_version

    @property
    def held(self) -> int:
        return self.quantity or 0 if self.state in (State.RESERVED, State.TRIED) else 0

    def decide(self, state: State, *, at: datetime, reason: str | None = None, event: Event | None = None) -> None:
        self.state, self.reason, self.changed_at, self.expires_at = state, reason, at, None
        self.version += 1
        if event is not None:
            self.events.append(record(event, sequence=self.version, time=at))


class Warehouse:
    """The products and reservations that one transaction has in hand: all that exist of those it is about."""

    def __init__(self, products: Iterable[Product] = (), reservations: Iterable[Reservation] = ()) -> None:
        self.products = {product.id: product for product in products}
        self.reservations = {reservation.order_id: reservation for reservation in reservations}

    def reserve(
        self, order_id: UUID, product_id: int, quantity: int, *, at: datetime, shown_price: int | None = None
    ) -> Reservation:
        """Takes the stock, or says why not; an order for which something was decided before keeps that.

        ``shown_price`` (cents) is what the customer was shown, where that may be outdated: it changes nothing about the
        order, which keeps it, but the reservation notes a difference.

        Raises ValueError for a quantity below 1.
        """
        _positive(quantity)
        reservation = self._reservation(order_id)
        if reservation.state is not State.UNDECIDED:
            return reservation
        reservation.product_id, reservation.quantity = product_id, quantity
        product = self.products.get(product_id)
        reservation.outdated_price = product is not None and shown_price not in (None, product.price)
        refusal = self._take(order_id, product_id, quantity, at)
        if refusal is None:
            reserved = StockReserved(order_id=order_id, product_id=product_id, quantity=quantity)
            reservation.decide(State.RESERVED, at=at, event=reserved)
        else:
            rejected = StockRejected(order_id=order_id, product_id=product_id, quantity=quantity, reason=refusal)
            reservation.decide(State.REJECTED, at=at, reason=refusal, event=rejected)
        return reservation

    def release(
        self, order_id: UUID, *, at: datetime, product_id: int | None = None, quantity: int | None = None
    ) -> Reservation:
        """Puts back what the order holds. One that has not asked for stock yet is remembered (with what it would have
        asked for, where that is known) and will get none; one that was rejected stays so."""
        reservation = self._reservation(order_id)
        if reservation.held:
            held_of, held = reservation.product_id, reservation.held
            assert held_of is not None
            self.products[held_of].release(order_id, held, at=at)
            released = StockReleased(order_id=order_id, product_id=held_of, quantity=held)
            reservation.decide(State.RELEASED, at=at, event=released)
        elif reservation.state is State.UNDECIDED:
            reservation.product_id, reservation.quantity = product_id, quantity
            reservation.decide(State.RELEASED, at=at)
        return reservation

    def close(self, *, at: datetime) -> None:
        """Ends the transaction's changes: one new version and one ProductChanged for each product that differs."""
        for product in self.products.values():
            product.announce(at=at)

    @property
    def movements(self) -> list[Movement]:
        """In the order in which they happened to each product."""
        return [movement for product in self.products.values() for movement in product.movements]

    @property
    def events(self) -> list[Envelope[Event]]:
        """What is to be announced: the orders' answers first, then the products' new states."""
        answers = [event for reservation in self.reservations.values() for event in reservation.events]
        return answers + [event for product in self.products.values() for event in product.events]

    @property
    def new_at_outdated_price(self) -> int:
        """Orders decided here whose price was not the product's any more."""
        return sum(known.outdated_price and known.loaded_version == 0 for known in self.reservations.values())

    def _reservation(self, order_id: UUID) -> Reservation:
        return self.reservations.setdefault(order_id, Reservation(order_id))

    def _take(self, order_id: UUID, product_id: int, quantity: int, at: datetime) -> Refusal | None:
        product = self.products.get(product_id)
        if product is None:
            return Refusal.UNKNOWN
        if product.withdrawn:
            return Refusal.WITHDRAWN
        try:
            product.reserve(order_id, quantity, at=at)
        except OutOfStock:
            return Refusal.OUT_OF_STOCK
        return None


def _positive(quantity: int) -> int:
    if quantity < 1:
        raise ValueError(f"a quantity is 1 or more, not {quantity}")
    return quantity
