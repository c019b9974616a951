"""Where the topics begin and end right now."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from events.intake import TopicMissing
from events.kafka import Kafka, apart, no_broker_yet, stop
from events.positions import Partition


class Bounds(NamedTuple):
    beginning: int
    end: int
    """The offset that the next record will get."""


async def log_bounds(kafka: Kafka, topics: Sequence[str]) -> dict[Partition, Bounds]:
    """Beginning and end of every partition of these (logical) topics. Raises TopicMissing, KafkaError."""
    partitions = await partitions_of(kafka, topics)
    async with _consumer(kafka) as consumer:
        beginnings = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    return {
        (partition.topic, partition.partition): Bounds(beginnings[partition], ends[partition])
        for partition in partitions
    }


async def pull_back_group(kafka: Kafka, group: str, positions: dict[Partition, int]) -> bool:
    """Makes sure that a consumer group does not start behind ``positions`` (the database was restored, a position was
    reset): where it would, its offsets are set back to them.

    False: the group has members, so its offsets cannot be set now. Raises KafkaError.
    """
    async with _consumer(kafka, group_id=group, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(*place) for place in positions]
        consumer.assign(partitions)
        ahead = {}
        for partition in partitions:
            offset = await consumer.committed(partition)
            if offset is not None and offset > positions[partition.topic, partition.partition]:
                ahead[partition] = positions[partition.topic, partition.partition]
        if not ahead:
            return True
        try:
            await consumer.commit(ahead)
        except KafkaError as error:
            if error.retriable:
                raise
            return False
        return True


async def put_group(kafka: Kafka, group: str, positions: Mapping[Partition, int]) -> None:
    """Sets the offsets of a consumer group without members, whatever they were. Raises KafkaError when it has some."""
    async with _consumer(kafka, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign([TopicPartition(*place) for place in positions])
        await consumer.commit({TopicPartition(*place): offset for place, offset in positions.items()})


async def partitions_of(kafka: Kafka, topics: Sequence[str]) -> list[TopicPartition]:
    """The partitions of these (logical) topics. Raises TopicMissing, KafkaError."""
    names = [kafka.topic(topic) for topic in topics]
    admin = AIOKafkaAdminClient(**kafka.client_options())
    try:
        with no_broker_yet():
            await admin.start()
            described = await admin.describe_topics(names)
    finally:
        await apart(admin.close())
    missing = sorted(set(names) - {topic["topic"] for topic in described if topic["error_code"] == 0})
    if missing:
        raise TopicMissing(f"not declared: {', '.join(missing)} (python -m events.topics declares them)")
    return [TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]]


@asynccontextmanager
async def _consumer(kafka: Kafka, **options: Any) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**kafka.client_options(), **options)
    try:
        with no_broker_yet():
            await consumer.start()
            yield consumer
    finally:
        await stop(consumer)
