"""Lifecycles of orders as the three domains really produce them, in any interleaving."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from delivery_svc.domain import Delivery, NotUnderWay
from delivery_svc.reactions import cancellation_requested, order_placed, stock_rejected, stock_reserved
from events.catalogue import (
    Event,
    OrderCancellationRequested,
    OrderCancelled,
    OrderPlaced,
    StockRejected,
    StockReserved,
)
from events.envelope import Envelope
from orders_svc.domain import CannotCancel, Customer, Order, ShownProduct
from orders_svc.reactions import REACTIONS
from products_svc.domain import Product, Warehouse

ORDER = UUID("01936e2a-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Envelopes = list[Envelope[Any]]
SERVICES = ("orders", "products", "delivery")
READS = {"orders": ("stock", "deliveries"), "products": ("orders",), "delivery": ("orders", "stock")}


@dataclass
class Shop:
    """One order in three services, which hear of each other's events one by one. ``skews`` (seconds) are added to each
    one's clock. ``triggers`` says which event each event answered."""

    skews: dict[str, float]
    stock: int
    order_id: UUID = ORDER
    now: datetime = NOON
    topics: dict[str, Envelopes] = field(default_factory=lambda: {"orders": [], "stock": [], "deliveries": []})
    told: Envelopes = field(default_factory=list)
    triggers: dict[UUID, UUID] = field(default_factory=dict)
    read: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        product = Product.new(1, "MASK", 20000, self.stock, "", at=NOON)
        self.warehouse = Warehouse([product])
        self.delivery = Delivery(self.order_id, self.order_id)
        customer, shown = Customer("c", "Kim", "Seoul"), ShownProduct(1, "MASK", 20000, 1)
        self.order = Order.place(self.order_id, shown, 2, customer, at=self.clock("orders"))
        self.collect(None)

    def clock(self, service: str) -> datetime:
        self.now += timedelta(milliseconds=7)
        return self.now + timedelta(seconds=self.skews[service])

    def act(self, choice: int) -> None:
        """The customer cancels, the goods are handed over, or somebody hears of their next event on a topic."""
        waiting = [
            (service, topic)
            for service, topics in READS.items()
            for topic in topics
            if self.read[service, topic] < len(self.topics[topic])
        ]
        acts: list[Callable[[], None]] = [self.cancel, self.complete]
        acts += [lambda at=place: self.hear(*at) for place in waiting]  # type: ignore[misc]
        acts[choice % len(acts)]()

    def run_dry(self) -> None:
        while any(self.read[s, t] < len(self.topics[t]) for s, topics in READS.items() for t in topics):
            self.act(2)

    def cancel(self) -> None:
        try:
            self.order.request_cancellation("changed my mind", at=self.clock("orders"))
        except CannotCancel:
            pass
        self.collect(None)

    def complete(self) -> None:
        try:
            self.delivery.complete(at=self.clock("delivery"))
        except NotUnderWay:
            pass
        self.collect(None)

    def hear(self, service: str, topic: str) -> None:
        event = self.topics[topic][self.read[service, topic]]
        self.read[service, topic] += 1
        at = self.clock(service)
        if service == "orders":
            for kind, reaction in REACTIONS.items():
                if isinstance(event.data, kind):
                    reaction(self.order, event.data, at)
        elif service == "products" and isinstance(event.data, OrderPlaced):
            self.warehouse.reserve(self.order_id, event.data.product_id, event.data.quantity, at=at)
        elif service == "products" and isinstance(event.data, OrderCancelled):
            self.warehouse.release(self.order_id, at=at)
        elif service == "delivery":
            deliver: dict[type[Event], Callable[[Delivery, Any, datetime], None]] = {
                OrderPlaced: order_placed,
                StockReserved: stock_reserved,
                StockRejected: stock_rejected,
                OrderCancellationRequested: cancellation_requested,
            }
            if type(event.data) in deliver:
                deliver[type(event.data)](self.delivery, event.data, at)
        self.collect(event)

    def collect(self, trigger: Envelope[Any] | None) -> None:
        for made in (self.order.events, self.warehouse.reservations.get(self.order_id), self.delivery.events):
            events: Envelopes = made if isinstance(made, list) else [] if made is None else made.events
            for event in events:
                self.topics[event.topic].append(event)
                self.told.append(event)
                if trigger is not None:
                    self.triggers[event.id] = trigger.id
            events.clear()


def lifecycle(
    choices: Sequence[int], skews: Sequence[float] = (0, 0, 0), stock: int = 5, order_id: UUID = ORDER
) -> Shop:
    """An order that went through all this, and then came to rest."""
    shop = Shop(dict(zip(SERVICES, skews, strict=True)), stock, order_id)
    for choice in choices:
        shop.act(choice)
    shop.run_dry()
    return shop
