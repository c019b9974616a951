"""Reading topics between any two points, on a real broker."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from events.kafka import Kafka
from events.topics import COMPACTED, Topic, declare
from lab.replay.errors import BeyondEnd, NotDeclared
from lab.replay.merging import last
from lab.replay.topic import Offsets, TopicReader
from tests.waiting import eventually

EAGERLY_COMPACTED = COMPACTED | {
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "1",
}


async def publish(producer: Any, topic: str, partition: int, *values: str, key: str = "k") -> None:
    for value in values:
        await producer.send_and_wait(topic, value.encode(), key.encode(), partition=partition)


async def values(reader: TopicReader, start: Offsets, stop: Offsets) -> dict[str, list[str]]:
    """By partition, with its topic's logical name."""
    found: dict[str, list[str]] = {}
    async for records in reader.read(start, stop):
        assert len({(record.topic, record.partition) for record in records}) == 1, "a batch is of one partition"
        place = f"{records[0].topic.rpartition('.')[2]}[{records[0].partition}]"
        found.setdefault(place, []).extend(record.value.decode() for record in records)
    return found


async def test_several_topics_are_read_between_two_points(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders"), Topic("stock")], partitions=2, say=lambda line: None)
    orders, stock = kafka.topic("orders"), kafka.topic("stock")
    await publish(producer, orders, 0, "a", "b", "c")
    await publish(producer, orders, 1, "d")
    await publish(producer, stock, 1, "e", "f")
    async with TopicReader(kafka, ["orders", "stock"]) as reader:
        assert reader.places() == ((orders, 0), (orders, 1), (stock, 0), (stock, 1))
        begun, ends = await reader.beginnings(), await reader.ends()
        assert set(begun.values()) == {0}
        assert ends == {(orders, 0): 3, (orders, 1): 1, (stock, 0): 0, (stock, 1): 2}
        everything = {"orders[0]": ["a", "b", "c"], "orders[1]": ["d"], "stock[1]": ["e", "f"]}
        assert await values(reader, begun, ends) == everything
        await publish(producer, stock, 0, "later")
        assert await values(reader, begun, ends) == everything, "it can be read again, up to the same point"
        assert await values(reader, {(orders, 0): 1, (stock, 1): 1}, {(orders, 0): 2, (stock, 1): 2}) == {
            "orders[0]": ["b"],
            "stock[1]": ["f"],
        }
        assert await values(reader, ends, ends) == {}


async def test_a_topic_that_is_not_declared_is_named(kafka: Kafka) -> None:
    await declare(kafka, [Topic("orders")], say=lambda line: None)
    with pytest.raises(NotDeclared, match=rf"{kafka.topic('ordres')}.*events\.topics"):
        async with TopicReader(kafka, ["orders", "ordres"]):
            pass


async def test_a_stop_that_the_topic_does_not_reach_is_an_error_and_not_a_wait(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders")], partitions=1, say=lambda line: None)
    await publish(producer, kafka.topic("orders"), 0, "a")
    async with TopicReader(kafka, ["orders"]) as reader:
        with pytest.raises(BeyondEnd, match="ends at offset 1, before 2"):
            await values(reader, {}, {(kafka.topic("orders"), 0): 2})


async def test_what_was_deleted_at_the_beginning_is_passed_over(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders")], partitions=1, say=lambda line: None)
    place = kafka.topic("orders"), 0
    await publish(producer, *place, "a", "b", "c")
    await delete_before(kafka, place, 2)
    async with TopicReader(kafka, ["orders"]) as reader:
        assert await reader.beginnings() == {place: 2}
        assert await values(reader, {place: 0}, {place: 3}) == {"orders[0]": ["c"]}
        assert await values(reader, {place: 0}, {place: 2}) == {}


async def test_records_deleted_while_they_are_being_read_are_passed_over(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders")], partitions=1, say=lambda line: None)
    place = kafka.topic("orders"), 0
    await publish(producer, *place, "a", "b", "c")
    await delete_before(kafka, place, 2)
    async with TopicReader(kafka, ["orders"]) as reader:
        reader.seek({place: 1})  # as if the log had still begun there when it was asked
        found: list[str] = []

        async def has_come() -> Sequence[str]:
            for records in await reader.poll(place):
                found.extend(record.value.decode() for record in records)
            return found

        assert await eventually(has_come) == ["c"]


async def test_positions_in_the_gaps_of_a_compacted_topic_are_fine(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("products", EAGERLY_COMPACTED)], partitions=1, say=lambda line: None)
    place = kafka.topic("products"), 0
    async with TopicReader(kafka, ["products"]) as reader:

        async def compacted() -> bool:
            """Each further record starts a new segment; only older ones are compacted."""
            await publish(producer, *place, "tick", key="clock")
            found = await values(reader, {}, {place: 9})
            return found.get("products[0]", []) == ["a9"]

        await publish(producer, *place, *(f"a{n}" for n in range(1, 10)), key="a")
        await publish(producer, *place, "b", key="b")
        await eventually(compacted, within=60, every=0.5)
        (found,) = (await values(reader, {place: 3}, {place: 10})).values()
        assert found == ["a9", "b"], "it starts in a gap"
        assert await values(reader, {place: 2}, {place: 7}) == {}, "nothing but gaps"
        newest = await last(reader, {place: 0}, {place: 10}, 2)
        assert [record.value for record in newest] == [b"a9", b"b"]
        assert await last(reader, {place: 0}, {place: 8}, 2) == [], "however far it looks back"


async def test_no_group_is_joined(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders")], partitions=1, say=lambda line: None)
    await publish(producer, kafka.topic("orders"), 0, "a")
    admin: Any = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        before = set(await admin.list_consumer_groups())
        async with TopicReader(kafka, ["orders"]) as reader:
            await values(reader, {}, await reader.ends())
            assert set(await admin.list_consumer_groups()) <= before
    finally:
        await admin.close()


async def delete_before(kafka: Kafka, place: tuple[str, int], offset: int) -> None:
    admin: Any = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(*place): RecordsToDelete(offset)})
    finally:
        await admin.close()
