"""delivery with a real broker: orders' and products' events in, its own out."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.envelope import Envelope, decode, encode
from events.kafka import Kafka
from events.topics import declare
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.facts import cancellation_requested, placed, reserved, states
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)


class Published:
    """What delivery publishes, each event once: a relay that is stopped between Kafka's answer and its own delete
    publishes again."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self._known: set[UUID] = set()

    async def next(self) -> tuple[str, str]:
        """Name and key of the next event."""
        seen: list[tuple[str, str]] = []

        async def one() -> bool:
            for records in (await self.consumer.getmany(timeout_ms=50, max_records=1)).values():
                for record in records:
                    envelope = decode(record.key, record.value, record.headers)
                    if envelope.id not in self._known:
                        self._known.add(envelope.id)
                        seen.append((type(envelope.data).__name__, envelope.key))
            return bool(seen)

        await eventually(one, within=40)
        return seen[0]


@pytest.fixture
async def settings(kafka: Kafka) -> dict[str, Any]:
    await declare(kafka, partitions=2, say=lambda _: None)
    return {"kafka_bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": kafka.prefix}


@pytest.fixture
async def published(kafka: Kafka, settings: dict[str, Any]) -> AsyncIterator[Published]:
    consumer = AIOKafkaConsumer(
        kafka.topic("deliveries"),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **kafka.client_options(),
    )
    await consumer.start()
    yield Published(consumer)
    await consumer.stop()


async def publish(kafka: Kafka, *envelopes: Envelope[Any]) -> None:
    """As orders and products would."""
    producer = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    for envelope in envelopes:
        key, value, headers = encode(envelope)
        await producer.send_and_wait(kafka.topic(envelope.topic), value, key=key, headers=list(headers))
    await producer.stop()


async def test_a_delivery_starts_and_is_handed_over_and_cannot_be_cancelled_then(
    kafka: Kafka, start: Start, settings: dict[str, Any], published: Published, sql: Any
) -> None:
    order = placed()
    async with start(**settings) as delivery:
        await publish(kafka, order, reserved(order.data.order_id))
        assert await published.next() == ("DeliveryStarted", order.key)
        [shown] = (await delivery.get(f"/deliveries?orderId={order.key}")).json()["items"]
        await delivery.post(f"/deliveries/{shown['deliveryId']}/complete")
        assert await published.next() == ("DeliveryCompleted", order.key)
        await publish(kafka, cancellation_requested(order.data.order_id))
        assert await published.next() == ("CancellationRefused", order.key)
    assert await states(sql, order.data.order_id) == ["completed"]


async def test_an_order_cancelled_while_delivery_is_down_is_not_delivered_after_it_returns(
    kafka: Kafka, start: Start, settings: dict[str, Any], published: Published, sql: Any
) -> None:
    order = placed()
    async with start(**settings):
        await publish(kafka, order)
        await eventually(lambda: sql.fetchval("SELECT count(*) FROM deliveries"), within=40)
    await publish(kafka, cancellation_requested(order.data.order_id), order, reserved(order.data.order_id))
    async with start(**settings):
        assert await published.next() in [("DeliveryCancelled", order.key), ("DeliveryStarted", order.key)]
        await eventually(lambda: _is(sql, "cancelled"), within=40)
    assert await sql.fetchval("SELECT count(*) FROM deliveries") == 1


async def _is(sql: Any, state: str) -> bool:
    return bool(await sql.fetchval("SELECT state FROM deliveries") == state)
