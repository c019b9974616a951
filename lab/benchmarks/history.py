"""Topics full of events, for measuring what reads them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from events.catalogue import DeliveryStarted, Event, OrderConfirmed, OrderPlaced, ProductChanged, StockReserved
from events.envelope import Envelope, encode, record
from events.kafka import Kafka
from kit.ids import new_id

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
Progress = Callable[[int], None]


def products(events: int, of: int) -> Iterator[Envelope[Event]]:
    """``events`` changes of ``of`` products, one product after the other, round and round."""
    for number in range(events):
        product = number % of + 1
        changed = ProductChanged(
            product_id=product,
            name=f"Product {product}",
            price=product * 100,
            stock=1_000_000 - number,
            image_url=f"/images/{product}.png",
            withdrawn=False,
        )
        yield record(changed, sequence=number // of + 1, time=_BEGIN + timedelta(milliseconds=number))


def orders(count: int, of: int) -> Iterator[Envelope[Event]]:
    """``count`` orders of ``of`` products over a year, each with the four events of one that goes well."""
    for number in range(count):
        order, product = new_id(), number % of + 1
        goods: dict[str, Any] = {"order_id": order, "product_id": product, "quantity": 2}
        customer = {"customer_id": f"c-{number % 5000}", "customer_name": "Kim", "address": "1 Sejong-daero, Seoul"}
        at = _BEGIN + timedelta(seconds=number * 31_536_000 / count)
        priced = {"product_version": 1, "unit_price": product * 100, "amount": product * 200}
        name = {"product_name": f"Product {product}"}
        yield record(OrderPlaced(**goods, **name, **priced, **customer), sequence=1, time=at)
        yield record(StockReserved(**goods), sequence=1, time=at)
        yield record(DeliveryStarted(**goods, **name, **customer, delivery_id=order), sequence=2, time=at)
        yield record(OrderConfirmed(**goods, amount=product * 200), sequence=2, time=at)


async def publish(kafka: Kafka, envelopes: Iterator[Envelope[Event]], progress: Progress) -> int:
    """Puts the events on their topics; how many they were."""
    number = 0
    async with _producer(kafka) as producer:
        for envelope in envelopes:
            key, value, headers = encode(envelope)
            await producer.send(kafka.topic(envelope.topic), value=value, key=key, headers=list(headers))
            number += 1
            if number % 5000 == 0:
                progress(number)
        await producer.flush()
    return number


@asynccontextmanager
async def _producer(kafka: Kafka) -> AsyncIterator[Any]:
    producer: Any = AIOKafkaProducer(acks="all", linger_ms=20, max_batch_size=256 * 1024, **kafka.client_options())
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
