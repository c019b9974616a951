"""A service in miniature: a database with bookkeeping and one table of effects, a relay, consumers."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine

from events import schema, topics
from events.catalogue import Event, OrderCancelled, OrderPlaced, ProductChanged
from events.envelope import Envelope, encode, record
from events.kafka import Kafka
from events.log_bounds import log_bounds
from events.outbox import Outbox, Transaction
from events.reactions import Handler, ReactionLoop
from events.relay import Relay
from kit.database import Database
from tests.waiting import eventually

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Stand:
    """``effects`` has one row for every event that a handler was given, in the order of handling."""

    kafka: Kafka
    url: str
    database: Database

    def outbox(self, wake: Callable[[], None] = lambda: None) -> Outbox:
        return Outbox(self.database, wake)

    async def record(self, *envelopes: Envelope[Event], wake: Callable[[], None] = lambda: None) -> None:
        async with self.outbox(wake).transaction() as transaction:
            transaction.record(envelopes)

    async def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.raw.fetch(sql, *arguments)]

    async def value(self, sql: str, *arguments: Any) -> Any:
        return (await self.rows(sql, *arguments))[0][0]

    async def effects(self) -> list[str]:
        return [row[0] for row in await self.rows("SELECT key FROM effects ORDER BY id")]

    async def outbox_is_empty(self) -> bool:
        return bool(await self.value("SELECT count(*) = 0 FROM outbox"))

    def relay(self, service: str = "orders") -> Relay:
        return Relay(service=service, kafka=self.kafka, database_url=self.url)

    def loop(self, reactions: dict[type[Event], Handler] | None = None, **options: Any) -> ReactionLoop:
        usual: dict[str, Any] = {
            "consumer": "products",
            "kafka": self.kafka,
            "database": self.database,
            "outbox": self.outbox(),
            "topics": ["orders"],
            "reactions": reactions or {OrderPlaced: note, OrderCancelled: note},
        }
        return ReactionLoop(**usual | options)


@asynccontextmanager
async def stand(kafka: Kafka, url: str, *, partitions: int = 2) -> AsyncIterator[Stand]:
    await topics.declare(kafka, partitions=partitions, say=lambda _: None)
    await migrate(url)
    database = Database(url, min_size=1, max_size=8)
    await database.open()
    try:
        yield Stand(kafka, url, database)
    finally:
        await database.close()


async def migrate(url: str) -> None:
    """The bookkeeping tables as a service's migrations make them, and the table of effects."""

    def upgrade(sync: sa.Connection) -> None:
        op = Operations(MigrationContext.configure(sync))
        schema.upgrade_v1(op)
        schema.upgrade_v2(op)

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
        await connection.exec_driver_sql("CREATE TABLE effects (id bigserial PRIMARY KEY, key text, type text)")
    await engine.dispose()


async def note(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
    """The simplest handler: notes what it was given."""
    await transaction.raw.executemany(
        "INSERT INTO effects (key, type) VALUES ($1, $2)", [(e.key, type(e.data).__name__) for e in envelopes]
    )


@asynccontextmanager
async def running(*runnables: Any) -> AsyncIterator[None]:
    """Runs them (``.run()``) as tasks for as long as the block lasts. One that fails fails the test."""
    tasks = [asyncio.create_task(runnable.run()) for runnable in runnables]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise AssertionError("a task ended by itself") from result


def placed(order_id: uuid.UUID | None = None, *, sequence: int = 1, **changes: Any) -> Envelope[OrderPlaced]:
    order = {
        "order_id": order_id or uuid.uuid4(),
        "product_id": 2,
        "product_name": "coffee",
        "product_version": 1,
        "quantity": 1,
        "unit_price": 500,
        "amount": 500,
        "customer_id": "c-1",
        "customer_name": "Ada",
        "address": "1 Main Street",
    }
    return record(OrderPlaced(**{**order, **changes}), sequence=sequence, time=NOON)


def cancelled(order_id: uuid.UUID, *, sequence: int = 2) -> Envelope[OrderCancelled]:
    event = OrderCancelled(order_id=order_id, product_id=2, quantity=1, amount=500, reason="changed my mind")
    return record(event, sequence=sequence, time=NOON)


def product(product_id: int, version: int, *, stock: int = 10) -> Envelope[ProductChanged]:
    event = ProductChanged(
        product_id=product_id, name="coffee", price=500, stock=stock, image_url="/coffee.png", withdrawn=False
    )
    return record(event, sequence=version, time=NOON)


@asynccontextmanager
async def producing(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(acks="all", **kafka.client_options())
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(kafka: Kafka, envelopes: Iterable[Envelope[Event]]) -> None:
    """Puts events on their topics without outbox and relay."""
    async with producing(kafka) as producer:
        for envelope in envelopes:
            key, value, headers = encode(envelope)
            await producer.send(kafka.topic(envelope.topic), value=value, key=key, headers=list(headers))
        await producer.flush()


async def publish_raw(
    kafka: Kafka,
    topic: str,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]] = (),
    *,
    key: bytes | None = b"k",
    partition: int | None = None,
) -> None:
    async with producing(kafka) as producer:
        await producer.send_and_wait(
            kafka.topic(topic), value=value, key=key, headers=list(headers), partition=partition
        )


async def read(kafka: Kafka, topic: str) -> list[Any]:
    """Everything on a topic until now, partition by partition."""
    bounds = {TopicPartition(*place): bound for place, bound in (await log_bounds(kafka, [topic])).items()}
    partitions, ends = sorted(bounds), {partition: bound.end for partition, bound in bounds.items()}
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **kafka.client_options())
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        found: dict[TopicPartition, list[Any]] = {partition: [] for partition in partitions}
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found[partition] += records
        return [record for partition in partitions for record in found[partition]]
    finally:
        await consumer.stop()


@asynccontextmanager
async def admin(kafka: Kafka) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(**kafka.client_options())
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def delete(kafka: Kafka, topic: str) -> None:
    name = kafka.topic(topic)
    async with admin(kafka) as client:
        await client.delete_topics([name])

        async def gone() -> bool:
            return name not in await client.list_topics()

        await eventually(gone)


async def recreate(kafka: Kafka, topic: str) -> None:
    await delete(kafka, topic)
    await topics.declare(kafka, partitions=2, say=lambda _: None)
