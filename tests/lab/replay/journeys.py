"""Orders as their events tell them, on all three topics, and what sales must say of them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from events.catalogue import (
    CancellationRefused,
    DeliveryCancelled,
    DeliveryStarted,
    Event,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderRejected,
    StockRejected,
    StockReleased,
    StockReserved,
)
from events.envelope import Envelope, record
from tests.events.stand import NOON, placed

Outcome = Literal["pending", "confirmed", "rejected", "cancelled", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("confirmed", "rejected", "cancelled", "refused", "pending")


@dataclass(frozen=True)
class Journey:
    """Order number ``number``: of product 1 to 3, 1 to 4 units at 500 cents, placed one every seven hours from noon on.
    ``refused`` is an order whose cancellation was refused, so that it is confirmed again."""

    number: int
    outcome: Outcome

    @property
    def order_id(self) -> uuid.UUID:
        return uuid.UUID(int=(0x7000 << 64) | (0b10 << 62) | self.number)

    @property
    def product(self) -> int:
        return self.number % 3 + 1

    @property
    def quantity(self) -> int:
        return self.number % 4 + 1

    @property
    def at(self) -> datetime:
        return NOON + timedelta(hours=7) * self.number

    def events(self) -> list[Envelope[Any]]:
        """In causal order."""
        some = {"order_id": self.order_id, "product_id": self.product, "quantity": self.quantity}
        order, why, goods = (
            {**some, "amount": self.quantity * 500},
            {"reason": "no need"},
            {"delivery_id": uuid.UUID(int=1)},
        )
        names = {
            "product_name": "coffee",
            "customer_id": f"c-{self.number % 2}",
            "customer_name": "Ada",
            "address": "1 Main",
        }
        told: list[Event] = []
        if self.outcome == "rejected":
            told = [StockRejected(**some, **why), OrderRejected(**order, **why)]
        elif self.outcome != "pending":
            told = [StockReserved(**some), DeliveryStarted(**some, **goods, **names), OrderConfirmed(**order)]
        if self.outcome in ("cancelled", "refused"):
            told.append(OrderCancellationRequested(order_id=self.order_id, **why))
        if self.outcome == "cancelled":
            told.append(DeliveryCancelled(order_id=self.order_id, **goods))
            told += [OrderCancelled(**order, **why), StockReleased(**some)]
        if self.outcome == "refused":
            told.append(CancellationRefused(order_id=self.order_id, **goods, **why))
            told.append(OrderConfirmed(**order))
        sequences = {"orders": 1}
        found: list[Envelope[Any]] = [self.placed()]
        for minutes, event in enumerate(told, 1):
            sequence = sequences[event.topic] = sequences.get(event.topic, 0) + 1
            found.append(record(event, sequence=sequence, time=self.at + timedelta(minutes=minutes)))
        return found

    def placed(self, **changes: Any) -> Envelope[Any]:
        data = placed(
            self.order_id,
            product_id=self.product,
            quantity=self.quantity,
            amount=self.quantity * 500,
            customer_id=f"c-{self.number % 2}",
            **changes,
        ).data
        return record(data, sequence=1, time=self.at)


def journeys(count: int, first: int = 1) -> list[Journey]:
    """Orders of every outcome in turn."""
    return [Journey(number, OUTCOMES[number % len(OUTCOMES)]) for number in range(first, first + count)]


def told(orders: Iterable[Journey]) -> list[Envelope[Any]]:
    """Their events, the orders interwoven: all first events, then all second ones, ..."""
    numbered = [(step, order.number, event) for order in orders for step, event in enumerate(order.events())]
    return [event for _, _, event in sorted(numbered, key=lambda one: one[:2])]


def sold(orders: Iterable[Journey]) -> dict[tuple[int, str], tuple[int, int, int]]:
    """What ``sales`` must say: (product, day) -> orders, units, revenue."""
    found: dict[tuple[int, str], tuple[int, int, int]] = {}
    for order in orders:
        key = order.product, str(order.at.date())
        before = found.get(key, (0, 0, 0))
        counts = order.outcome in ("confirmed", "refused")
        adds = (1, order.quantity, order.quantity * 500) if counts else (0, 0, 0)
        found[key] = before[0] + adds[0], before[1] + adds[1], before[2] + adds[2]
    return found
