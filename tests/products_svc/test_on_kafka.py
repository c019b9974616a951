"""products with a real broker: orders' events in, its own out."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.catalogue import Event, ProductChanged
from events.envelope import Envelope, decode, encode
from events.kafka import Kafka
from events.topics import declare
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import assert_the_ledger_adds_up, cancelled, placed, stock_of
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def settings(kafka: Kafka) -> dict[str, Any]:
    await declare(kafka, partitions=2, say=lambda _: None)
    return {"kafka_bootstrap_servers": kafka.bootstrap_servers, "topic_prefix": kafka.prefix}


@pytest.fixture
async def published(kafka: Kafka, settings: dict[str, Any]) -> AsyncIterator["Published"]:
    """What products writes, on both of its topics."""
    consumer = AIOKafkaConsumer(
        kafka.topic("stock"),
        kafka.topic("products"),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **kafka.client_options(),
    )
    await consumer.start()
    seen = Published(consumer)
    yield seen
    await consumer.stop()


class Published(list[Envelope[Event]]):
    """What products published so far, in the order of arrival, each event once: a relay that is stopped between Kafka's
    answer and its own delete publishes again."""

    def __init__(self, consumer: Any) -> None:
        super().__init__()
        self.consumer = consumer

    async def reads(self, count: int) -> None:
        async def more() -> bool:
            for records in (await self.consumer.getmany(timeout_ms=50)).values():
                for one in records:
                    envelope = decode(one.key, one.value, one.headers)
                    if envelope.id not in {seen.id for seen in self}:
                        self.append(envelope)
            return len(self) >= count

        await eventually(more, within=40)

    def names(self) -> Counter[str]:
        return Counter(type(envelope.data).__name__ for envelope in self)


async def publish(kafka: Kafka, *envelopes: Envelope[Any]) -> None:
    """As orders would."""
    producer = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    for envelope in envelopes:
        key, value, headers = encode(envelope)
        await producer.send_and_wait(kafka.topic("orders"), value, key=key, headers=list(headers))
    await producer.stop()


async def test_an_order_takes_its_stock_and_its_cancellation_gives_it_back(
    kafka: Kafka, start: Start, settings: dict[str, Any], published: Published, sql: Any
) -> None:
    order, unknown = placed(2, 3), placed(99)
    async with start(**settings):
        await publish(kafka, order, unknown)
        await eventually(lambda: _reservations(sql, 2), within=40)
        await publish(kafka, cancelled(order))
        await published.reads(5)
    assert published.names() == {"StockReserved": 1, "StockRejected": 1, "StockReleased": 1, "ProductChanged": 2}
    stocks = [one.data.stock for one in published if isinstance(one.data, ProductChanged)]
    assert stocks == [1_999_997, 2_000_000]
    await assert_the_ledger_adds_up(sql)


async def test_an_order_placed_while_products_is_down_is_handled_after_it_returns_and_once(
    kafka: Kafka, start: Start, settings: dict[str, Any], published: Published, sql: Any
) -> None:
    before, meanwhile = placed(2), placed(2)
    async with start(**settings):
        await publish(kafka, before)
        await eventually(lambda: _reservations(sql, 1), within=40)
    await publish(kafka, meanwhile, before)
    async with start(**settings):
        await eventually(lambda: _reservations(sql, 2), within=40)
        await published.reads(4)
    assert published.names() == {"StockReserved": 2, "ProductChanged": 2}
    assert await stock_of(sql, 2) == 1_999_998
    await assert_the_ledger_adds_up(sql)


async def test_an_absurd_event_is_a_dead_letter_and_holds_up_nobody(
    kafka: Kafka, start: Start, settings: dict[str, Any], sql: Any
) -> None:
    absurd, good = placed(2, -5), placed(2)
    async with start(**settings):
        await publish(kafka, absurd, good)
        [letter] = await eventually(lambda: sql.fetch("SELECT key, error FROM dead_letters"), within=40)
        await eventually(lambda: _reservations(sql, 1), within=40)
    assert letter["key"].decode() == absurd.key
    assert "1 or more" in letter["error"]
    assert await stock_of(sql, 2) == 1_999_999


async def test_a_change_over_http_is_published(start: Start, settings: dict[str, Any], published: Published) -> None:
    async with start(**settings) as products:
        answer: httpx.Response = await products.patch("/products/2", json={"price": 19900})
        await published.reads(1)
    [changed] = published
    assert (changed.sequence, changed.key) == (answer.json()["version"], "2")
    assert isinstance(changed.data, ProductChanged)
    assert changed.data.price == 19900


async def _reservations(sql: Any, count: int) -> bool:
    return bool(await sql.fetchval("SELECT count(*) FROM reservations") >= count)
