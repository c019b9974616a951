"""How far consumers are behind, by their own positions and by Kafka's group."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.kafka import Kafka
from events.topics import declare
from lab.running.lag import ConsumerLag, Lag
from lab.running.layout import Layout
from lab.running.prepare import migrate, prepare_databases
from lab.running.roles import drop_databases


@pytest.fixture
async def layout(postgres_url: str, kafka: Kafka) -> AsyncIterator[Layout]:
    made = Layout(
        name=f"t{uuid.uuid4().hex[:10]}",
        wiring="events",
        topic_prefix=kafka.prefix,
        kafka=kafka.bootstrap_servers,
        admin=postgres_url,
        secret="a secret of the tests",
        ports={},
    )
    await prepare_databases(made)
    await migrate(made)
    await declare(kafka, partitions=2, say=lambda line: None)
    yield made
    admin = await asyncpg.connect(postgres_url)
    await drop_databases(admin, made)
    await admin.close()


async def publish(kafka: Kafka, count: int) -> None:
    producer: Any = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(kafka.topic("orders"), b"{}", partition=number % 2)
    await producer.stop()


async def stand_at(layout: Layout, *offsets: int) -> None:
    """Positions of products' consumer on the partitions of shop.orders."""
    connection = await asyncpg.connect(layout.service_url("products"))
    for partition, offset in enumerate(offsets):
        await connection.execute(
            "INSERT INTO positions (consumer, topic, partition, next_offset) VALUES ('products', $1, $2, $3)",
            layout.broker().topic("orders"),
            partition,
            offset,
        )
    await connection.close()


async def test_lag_is_what_lies_between_positions_and_ends(layout: Layout, kafka: Kafka) -> None:
    await publish(kafka, 10)
    await stand_at(layout, 5, 2)
    async with Lag(layout) as lag:
        assert await lag.total() == 3
        assert await lag.consumers() == [ConsumerLag("products", "products", lag=3, group_lag=None)]
        await publish(kafka, 2)
        assert await lag.total() == 5


async def test_a_partition_that_was_never_begun_counts_in_full(layout: Layout, kafka: Kafka) -> None:
    await publish(kafka, 10)
    await stand_at(layout, 5)
    async with Lag(layout) as lag:
        assert await lag.total() == 5


async def test_the_groups_offsets_stand_beside(layout: Layout, kafka: Kafka) -> None:
    await publish(kafka, 10)
    await stand_at(layout, 5, 5)
    at = TopicPartition(kafka.topic("orders"), 0)
    consumer: Any = AIOKafkaConsumer(
        group_id=kafka.group("products"), enable_auto_commit=False, **kafka.client_options()
    )
    consumer.assign([at])
    await consumer.start()
    await consumer.commit({at: 4})
    await consumer.stop()
    async with Lag(layout) as lag:
        (found,) = await lag.consumers()
    assert (found.lag, found.group_lag) == (0, 6)
