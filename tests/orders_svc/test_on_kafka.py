"""orders with a real broker: what it publishes, and what becomes of what it reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.catalogue import Event
from events.envelope import decode, encode, record
from events.kafka import Kafka
from events.topics import declare
from tests.orders_svc.conftest import Running, Start
from tests.orders_svc.facts import rejected, started
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 1}


@pytest.fixture
async def orders(kafka: Kafka, start: Start) -> AsyncIterator[Running]:
    await declare(kafka, partitions=2, say=lambda _: None)
    async with start(kafka_bootstrap_servers=kafka.bootstrap_servers, topic_prefix=kafka.prefix) as running:
        yield running


async def publish(kafka: Kafka, *events: Event) -> None:
    """As products and delivery would."""
    producer = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    for event in events:
        key, value, headers = encode(record(event, sequence=1, time=datetime.now(UTC)))
        await producer.send_and_wait(kafka.topic(event.topic), value, key=key, headers=list(headers))
    await producer.stop()


async def test_an_order_goes_out_comes_back_settled_and_says_so(kafka: Kafka, orders: Running) -> None:
    consumer = AIOKafkaConsumer(
        kafka.topic("orders"), auto_offset_reset="earliest", isolation_level="read_committed", **kafka.client_options()
    )
    await consumer.start()
    waiting = asyncio.create_task(orders.client.post("/orders", json=ORDER, headers={"Prefer": "wait=20"}))
    placed = await asyncio.wait_for(consumer.getone(), 20)
    await publish(kafka, started(placed.key.decode()))
    answer = await waiting
    confirmed = await asyncio.wait_for(consumer.getone(), 20)
    await consumer.stop()
    assert (answer.status_code, answer.json()["id"]) == (201, placed.key.decode())
    envelopes = [decode(message.key, message.value, message.headers) for message in (placed, confirmed)]
    assert [(type(envelope.data).__name__, envelope.sequence) for envelope in envelopes] == [
        ("OrderPlaced", 1),
        ("OrderConfirmed", 2),
    ]
    assert envelopes[0].traceparent == envelopes[1].traceparent


async def test_an_event_about_an_unknown_order_is_a_dead_letter_and_holds_up_nobody(
    kafka: Kafka, orders: Running, sql: Any
) -> None:
    order = (await orders.client.post("/orders", json=ORDER)).json()
    stranger = uuid4()
    await publish(kafka, rejected(stranger), rejected(order["id"]))
    await eventually(lambda: sql.fetchval("SELECT status = 'rejected' FROM orders"))
    [letter] = await eventually(lambda: sql.fetch("SELECT * FROM dead_letters"))
    assert letter["key"].decode() == str(stranger)
    assert letter["error"].startswith("UnknownOrder")
    assert str(stranger) in letter["error"]
