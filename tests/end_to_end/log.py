"""Reading and writing the shop's topics as a stranger would: raw records, no group, no position."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.kafka import Kafka


async def records(kafka: Kafka, topic: str) -> list[Any]:
    """Every record that is on the topic now."""
    name = kafka.topic(topic)
    consumer = AIOKafkaConsumer(name, auto_offset_reset="earliest", **kafka.client_options())
    await consumer.start()
    try:
        partitions = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name) or ())]
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[Any] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


async def of_order(kafka: Kafka, topic: str, order_id: str) -> list[Any]:
    """The order's records on the topic, in their order."""
    return [record for record in await records(kafka, topic) if order_id.encode() in (record.value or b"")]


def event_type(record: Any) -> str:
    """The event's name without topic and version, for example ``OrderPlaced``."""
    name: str = dict(record.headers)["ce_type"].decode().split(".")[2]
    return name


async def append(kafka: Kafka, topic: str, key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]]) -> Any:
    """Writes one record, as any program on the network could; where it landed."""
    producer = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    try:
        return await producer.send_and_wait(kafka.topic(topic), value=value, key=key, headers=list(headers))
    finally:
        await producer.stop()


async def again(kafka: Kafka, record: Any) -> Any:
    """The same record once more."""
    return await append(kafka, record.topic.removeprefix(f"{kafka.prefix}."), record.key, record.value, record.headers)
