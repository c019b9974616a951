"""One order's way through the three services, step by step, from what they left behind: events, or rows."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg

from events.envelope import EnvelopeError, decode
from lab.replay.topic import TopicReader
from lab.running.errors import ShopError
from lab.running.layout import Layout
from lab.watching.sentences import sentence

TOPICS = ("orders", "stock", "deliveries")
"""Whose records have an order's id as their key."""

SERVICE = {"orders": "orders", "stock": "products", "deliveries": "delivery", "products": "products"}
"""Who publishes on a topic."""

_LAST = ("OrderConfirmed", "OrderRejected", "OrderCancelled")


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
    async with TopicReader(layout.broker(), TOPICS) as reader:
        reader.seek(await reader.ends())
        status, order, sent, answered = await place(layout, product_id, quantity)
        steps: list[Step] = []
        if "id" in order:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    while not any(step.what in _LAST for step in steps):
                        for records in await reader.poll(*reader.places()):
                            steps += [step for record in records if (step := _step(record, order["id"])) is not None]
    steps.sort(key=lambda step: step.at)
    return Journey(status, order, sent, answered, steps)


def _step(record: Any, order_id: str) -> Step | None:
    if record.key != order_id.encode():
        return None
    try:
        envelope = decode(record.key, record.value, record.headers)
    except EnvelopeError:
        return None
    return Step(
        who=SERVICE[envelope.topic],
        what=type(envelope.data).__name__,
        says=sentence(envelope.data),
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
