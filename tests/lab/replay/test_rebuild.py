"""Rebuilding the product copy beside the live one, from a real topic into a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from events.catalogue import ProductChanged
from events.envelope import decode, encode, record
from events.kafka import Kafka
from events.positions import Positions
from events.projection import Projector
from events.topics import declare
from kit import migrations
from kit.database import Database
from lab.replay.errors import NotNow
from lab.replay.outcome import Rebuild
from lab.replay.rebuild import lock_name, rebuild
from orders_svc.read_models.product_copy import MODEL
from tests.conftest import CreateDatabase
from tests.waiting import eventually

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Copy:
    """A topic of product changes and a live copy of it."""

    kafka: Kafka
    url: str
    database: Database
    connection: Any
    producer: Any

    async def publish(self, *changes: tuple[int, int]) -> None:
        """(product id, version) each; version v has price 100 v."""
        for product, version in changes:
            event = ProductChanged(
                product_id=product, name=f"P{product}", price=version * 100, stock=5, image_url="", withdrawn=False
            )
            key, value, headers = encode(record(event, sequence=version, time=NOW))
            await self.producer.send_and_wait(self.kafka.topic("products"), value, key, headers=list(headers))

    async def project(self, start: dict[Any, int] | None = None) -> None:
        """Brings the live copy to the topic's end."""
        projector = Projector(MODEL, self.database)
        await projector.project(await self.records(start or {}))

    async def records(self, start: dict[Any, int]) -> Sequence[Any]:
        consumer: Any = AIOKafkaConsumer(**self.kafka.client_options())
        await consumer.start()
        try:
            partitions = [TopicPartition(self.kafka.topic("products"), n) for n in range(4)]
            consumer.assign(partitions)
            found = []
            ends = await consumer.end_offsets(partitions)
            for at in partitions:
                consumer.seek(at, start.get(at, 0))
            while any([await consumer.position(at) < ends[at] for at in partitions]):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def rebuild(self, **options: Any) -> Rebuild:
        options = {"patience": 1.0, **options}
        return await rebuild(MODEL, self.kafka, self.url, **options)

    async def rows(self) -> dict[int, tuple[int, int]]:
        rows = await self.connection.fetch("SELECT product_id, version, price FROM product_copy ORDER BY 1")
        return {row["product_id"]: (row["version"], row["price"]) for row in rows}


@pytest.fixture
async def copy(kafka: Kafka, create_database: CreateDatabase) -> AsyncIterator[Copy]:
    url = await create_database("orders")
    await asyncio.to_thread(migrations.upgrade, "orders_svc", url)
    await declare(kafka, say=lambda line: None)
    database = Database(url)
    await database.open()
    connection = await asyncpg.connect(url)
    producer: Any = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    yield Copy(kafka, url, database, connection, producer)
    await producer.stop()
    await connection.close()
    await database.close()


async def test_an_equal_copy_is_swapped_in_and_the_positions_stay(copy: Copy) -> None:
    await copy.publish((1, 1), (2, 1), (1, 2), (3, 1))
    await copy.project()
    before = await copy.connection.fetch("SELECT topic, partition, next_offset FROM positions ORDER BY 1, 2")
    done = await copy.rebuild()
    assert done.equal
    assert done.swapped
    assert (done.counts.read, done.counts.decoded, done.counts.superseded, done.proofs[0].live.rows) == (4, 3, 1, 3)
    assert await copy.rows() == {1: (2, 200), 2: (1, 100), 3: (1, 100)}
    after = await copy.connection.fetch("SELECT topic, partition, next_offset FROM positions ORDER BY 1, 2")
    assert set(before) <= set(after), "only partitions that were never begun are entered, at their beginning"


async def test_the_projector_goes_on_with_the_new_table(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.project()
    await copy.rebuild()
    await copy.publish((1, 2), (4, 1))
    await copy.project()
    assert await copy.rows() == {1: (2, 200), 4: (1, 100)}
    assert (await copy.rebuild()).swapped, "and it can be rebuilt again"


async def test_the_highest_version_wins_not_the_last_seen(copy: Copy) -> None:
    await copy.publish((1, 1), (1, 3), (1, 2))
    await copy.project()
    assert (await copy.rebuild()).equal
    assert await copy.rows() == {1: (3, 300)}


async def test_a_live_copy_that_differs_is_named_by_key_and_stays(copy: Copy) -> None:
    await copy.publish((1, 1), (2, 1))
    await copy.project()
    await copy.connection.execute("UPDATE product_copy SET price = 1 WHERE product_id = 2")
    await copy.connection.execute(
        "INSERT INTO product_copy SELECT 9, name, 1, 1, '', false, 7, now() FROM product_copy LIMIT 1"
    )
    done = await copy.rebuild()
    assert not done.equal
    assert not done.swapped
    assert done.proofs[0].differences.keys() == {"product 2", "product 9"}
    assert (await copy.rows())[2] == (1, 1)


async def test_force_swaps_a_copy_that_differs(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.project()
    await copy.connection.execute("UPDATE product_copy SET price = 1")
    assert (await copy.rebuild(force=True)).swapped
    assert await copy.rows() == {1: (1, 100)}


async def test_check_compares_and_swaps_nothing(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.project()
    oid = await copy.connection.fetchval("SELECT $1::text::regclass::oid", "product_copy")
    done = await copy.rebuild(check=True)
    assert done.equal
    assert not done.swapped
    assert await copy.connection.fetchval("SELECT $1::text::regclass::oid", "product_copy") == oid
    assert await copy.connection.fetchval("SELECT to_regclass($1)", "product_copy_rebuilt") is None, (
        "nothing is left behind"
    )


async def test_a_live_copy_that_is_behind_is_compared_where_it_stands(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.project()
    await copy.publish((1, 2), (2, 1))
    done = await copy.rebuild(patience=0.2)
    assert done.equal, "what the live one has not handled yet is no difference"
    await copy.project()
    assert await copy.rows() == {1: (2, 200), 2: (1, 100)}, "and it handles it afterwards, in the new table"


async def test_what_the_live_copy_handles_meanwhile_is_caught_up_under_the_lock(copy: Copy) -> None:
    """The live copy moves on between reading and swapping: the new one is brought to exactly there first."""
    await copy.publish((1, 1))
    await copy.project()
    await copy.publish((1, 2), (2, 1))
    async with copy.database.transaction() as connection:  # as the projector's: positions locked, rows, positions
        positions = Positions(MODEL.name)
        stands = await positions.lock(connection, await all_places(copy))
        records = [r for r in await copy.records({}) if r.offset >= stands.get((r.topic, r.partition), 0)]
        await MODEL.apply(connection, [decode(r.key, r.value, r.headers) for r in records])
        for r in records:  # product 2 may be on a partition that had no position yet
            await positions.set(connection, (r.topic, r.partition), r.offset + 1)
        rebuilding = asyncio.create_task(copy.rebuild(patience=0))
        await eventually(lambda: waits_for_a_lock(copy))
    done = await rebuilding
    assert done.equal
    assert done.swapped
    assert done.counts.read == 3
    assert await copy.rows() == {1: (2, 200), 2: (1, 100)}


async def all_places(copy: Copy) -> list[tuple[str, int]]:
    rows = await copy.connection.fetch("SELECT topic, partition FROM positions")
    return [(row["topic"], row["partition"]) for row in rows]


async def waits_for_a_lock(copy: Copy) -> bool:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await copy.connection.fetchval(sql))


async def test_an_unreadable_record_is_counted_as_the_live_one_passed_over_it(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.producer.send_and_wait(copy.kafka.topic("products"), b"not an event", b"1")
    await copy.project()
    done = await copy.rebuild()
    assert done.counts.unreadable == 1
    assert done.equal


async def test_two_rebuilds_at_once_are_refused(copy: Copy) -> None:
    await copy.connection.execute("SELECT pg_advisory_lock(hashtext($1))", lock_name(MODEL))
    with pytest.raises(NotNow):
        await copy.rebuild()
    await copy.connection.execute("SELECT pg_advisory_unlock(hashtext($1))", lock_name(MODEL))


async def test_no_consumer_group_is_touched(copy: Copy) -> None:
    await copy.publish((1, 1))
    await copy.project()
    await copy.rebuild()
    admin: Any = AIOKafkaAdminClient(**copy.kafka.client_options())
    await admin.start()
    groups = {name for name, *_ in await admin.list_consumer_groups()}
    await admin.close()
    assert not any(name.startswith(copy.kafka.prefix) for name in groups)


async def test_indexes_keep_their_names(copy: Copy) -> None:
    sql = "SELECT indexname FROM pg_indexes WHERE tablename = 'product_copy' ORDER BY 1"
    before = await copy.connection.fetch(sql)
    await copy.publish((1, 1))
    await copy.project()
    await copy.rebuild()
    assert await copy.connection.fetch(sql) == before
