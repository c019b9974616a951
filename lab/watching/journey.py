"""One order's way through the three services, step by step, from what they left behind: events, or rows."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from events.envelope import EnvelopeError, decode
from lab.running.errors import ShopError
from lab.running.layout import Layout

_TOPICS = ("orders", "stock", "deliveries")
_LAST = ("OrderConfirmed", "OrderRejected", "OrderCancelled")
_SAYS = {
    "OrderPlaced": "the order is saved, its event in the outbox",
    "StockReserved": "stock is taken",
    "StockRejected": "stock cannot be had",
    "DeliveryStarted": "the delivery has started",
    "OrderConfirmed": "the order is confirmed",
    "OrderRejected": "the order is rejected",
}
_SERVICE = {"orders": "orders", "stock": "products", "deliveries": "delivery"}


@dataclass(frozen=True)
class Step:
    """``at`` is Unix time; ``on_topic`` when the broker appended the event (ms resolution), None for other steps."""

    who: str
    what: str
    says: str
    at: float
    on_topic: float | None = None


@dataclass(frozen=True)
class Journey:
    """``sent`` is when the request was sent, ``answered`` when the response was there (Unix times)."""

    status: int
    order: dict[str, Any]
    sent: float
    answered: float
    steps: list[Step]


async def place(
    layout: Layout, product_id: int, quantity: int, *, wait: int = 0
) -> tuple[int, dict[str, Any], float, float]:
    """Sends one order; HTTP status, body, time of sending and of the answer. Raises ShopError when orders is away."""
    body = {"productId": product_id, "quantity": quantity, "customerId": "shop-order", "customerName": "You"}
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        url = layout.http("orders")
        try:
            async with session.get(f"{url}/health/live"):
                pass  # the connection stands before the clock runs
            sent = time.time()
            async with session.post(f"{url}/orders", json=body, headers=headers) as response:
                order = await response.json(content_type=None)
                return response.status, order, sent, time.time()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ShopError(f"orders does not answer at {url} ({error}); `shop status` says why") from error


async def follow(layout: Layout, product_id: int, quantity: int, *, patience: float = 15.0) -> Journey:
    """Places an order and collects its steps until it is settled, or for ``patience`` seconds."""
    if layout.wiring == "events":
        return await _by_events(layout, product_id, quantity, patience)
    status, order, sent, answered = await place(layout, product_id, quantity)
    steps = await _by_rows(layout, UUID(order["id"])) if "id" in order else []
    return Journey(status, order, sent, answered, steps)


async def _by_events(layout: Layout, product_id: int, quantity: int, patience: float) -> Journey:
    kafka = layout.broker()
    consumer: Any = AIOKafkaConsumer(*map(kafka.topic, _TOPICS), fetch_max_wait_ms=50, **kafka.client_options())
    await consumer.start()
    try:
        places = [
            TopicPartition(topic, n)
            for topic in map(kafka.topic, _TOPICS)
            for n in consumer.partitions_for_topic(topic) or ()
        ]
        for at, end in (await consumer.end_offsets(places)).items():
            consumer.seek(at, end)
        status, order, sent, answered = await place(layout, product_id, quantity)
        steps: list[Step] = []
        if "id" in order:
            async with asyncio.timeout(patience):
                while not any(step.what in _LAST for step in steps):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        steps += [step for record in records if (step := _step(record, order["id"])) is not None]
    except TimeoutError:
        pass
    finally:
        await consumer.stop()
    steps.sort(key=lambda step: step.at)
    return Journey(status, order, sent, answered, steps)


def _step(record: Any, order_id: str) -> Step | None:
    if record.key != order_id.encode():
        return None
    try:
        envelope = decode(record.key, record.value, record.headers)
    except EnvelopeError:
        return None
    name = type(envelope.data).__name__
    return Step(
        who=_SERVICE[envelope.topic],
        what=name,
        says=_SAYS.get(name, ""),
        at=envelope.time.timestamp(),
        on_topic=record.timestamp / 1000,
    )


async def _by_rows(layout: Layout, order_id: UUID) -> list[Step]:
    """For synchronous wirings, which leave no events: the time stamps of the rows."""
    looks = (
        ("orders", "SELECT placed_at AS at, 'pending' AS state FROM orders WHERE id = $1", "order saved"),
        ("products", "SELECT changed_at AS at, state FROM reservations WHERE order_id = $1", "stock"),
        ("delivery", "SELECT started_at AS at, state FROM deliveries WHERE order_id = $1", "delivery"),
        ("orders", "SELECT settled_at AS at, status AS state FROM orders WHERE id = $1", "order settled"),
    )
    steps = []
    for service, sql, what in looks:
        connection = await asyncpg.connect(layout.auditor_url(service))
        try:
            row = await connection.fetchrow(sql, order_id)
        finally:
            await connection.close()
        if row is not None and isinstance(row["at"], datetime):
            steps.append(Step(service, what, str(row["state"]), row["at"].timestamp()))
    return sorted(steps, key=lambda step: step.at)
