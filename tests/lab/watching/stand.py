"""Topics with events of orders in them, for those who look."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from events.catalogue import DeliveryStarted, Event, OrderConfirmed, OrderPlaced, ProductChanged, StockReserved
from events.envelope import encode, record
from events.kafka import Kafka

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Topics:
    """``publish`` puts an event on its topic at a business time (seconds after noon), where its key belongs or in
    ``partition``."""

    kafka: Kafka
    producer: Any

    async def publish(self, event: Event, sequence: int, at: float = 0.0, partition: int | None = None) -> None:
        envelope = record(event, sequence=sequence, time=NOON + timedelta(seconds=at))
        key, value, headers = encode(envelope)
        topic = self.kafka.topic(event.topic)
        await self.producer.send_and_wait(topic, value, key, headers=list(headers), partition=partition)

    async def garble(self, topic: str, key: bytes, wire_type: bytes) -> None:
        """A record that says it is of this type, and is not."""
        headers = [("ce_type", wire_type)]
        await self.producer.send_and_wait(self.kafka.topic(topic), b"\x1b[2Jnothing", key, headers=headers)


def placed(order: UUID) -> OrderPlaced:
    return OrderPlaced(
        order_id=order,
        product_id=2,
        product_name="MASK",
        product_version=1,
        quantity=2,
        unit_price=20000,
        amount=40000,
        customer_id="c",
        customer_name="Kim",
        address="Seoul",
    )


def reserved(order: UUID) -> StockReserved:
    return StockReserved(order_id=order, product_id=2, quantity=2)


def started(order: UUID) -> DeliveryStarted:
    return DeliveryStarted(
        order_id=order,
        delivery_id=order,
        product_id=2,
        product_name="MASK",
        quantity=2,
        customer_id="c",
        customer_name="Kim",
        address="Seoul",
    )


def confirmed(order: UUID) -> OrderConfirmed:
    return OrderConfirmed(order_id=order, product_id=2, quantity=2, amount=40000)


def changed(product: int) -> ProductChanged:
    return ProductChanged(product_id=product, name="MASK", price=20000, stock=5, image_url="", withdrawn=False)
