"""Many partitions as one stream, on a real broker."""

from random import Random
from typing import Any

import pytest

from events.kafka import Kafka
from events.topics import Topic, declare
from lab.replay import merging
from lab.replay.merging import in_append_order, last
from lab.replay.topic import TopicReader

CREATE_TIME = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
"""So that tests can say when a record was appended; and what was appended in 1970 is kept."""


async def produce(producer: Any, topic: str, times: dict[int, list[int]]) -> None:
    for partition, stamps in times.items():
        for stamp in stamps:
            await producer.send(topic, str(stamp).encode(), partition=partition, timestamp_ms=stamp)
    await producer.flush()


@pytest.mark.parametrize("seed", range(3))
async def test_records_come_by_time_however_they_are_spread_and_fetched(
    kafka: Kafka, producer: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "ENOUGH", 3)
    random = Random(seed)
    await declare(kafka, [Topic("orders", CREATE_TIME)], partitions=4, say=lambda line: None)
    times = {n: sorted(random.choices(range(1, 1000), k=random.choice([0, 1, 50, 300]))) for n in range(4)}
    await produce(producer, kafka.topic("orders"), times)
    everything = sorted(stamp for stamps in times.values() for stamp in stamps)
    async with TopicReader(kafka, ["orders"]) as reader:
        begin, ends = await reader.beginnings(), await reader.ends()
        assert [r.timestamp async for batch in in_append_order(reader, begin, ends) for r in batch] == everything
        for count in (0, 1, 40, len(everything) + 1):
            found = await last(reader, begin, ends, count)
            assert [record.timestamp for record in found] == everything[len(everything) - min(count, len(everything)) :]


async def test_a_partition_keeps_its_own_order_when_the_clock_of_the_broker_went_back(
    kafka: Kafka, producer: Any
) -> None:
    await declare(kafka, [Topic("orders", CREATE_TIME)], partitions=2, say=lambda line: None)
    await produce(producer, kafka.topic("orders"), {0: [10, 30, 20, 40], 1: [25]})
    async with TopicReader(kafka, ["orders"]) as reader:
        begin, ends = await reader.beginnings(), await reader.ends()
        found = [(r.partition, r.offset) async for batch in in_append_order(reader, begin, ends) for r in batch]
        assert [offset for partition, offset in found if partition == 0] == [0, 1, 2, 3]
        assert found.index((1, 0)) == 1


async def test_offsets_bound_what_is_merged(kafka: Kafka, producer: Any) -> None:
    await declare(kafka, [Topic("orders", CREATE_TIME)], partitions=2, say=lambda line: None)
    topic = kafka.topic("orders")
    await produce(producer, topic, {0: [1, 3, 5, 7], 1: [2, 4, 6, 8]})
    async with TopicReader(kafka, ["orders"]) as reader:
        start, stop = {(topic, 0): 1, (topic, 1): 4}, {(topic, 0): 3, (topic, 1): 4}
        assert [r.timestamp async for batch in in_append_order(reader, start, stop) for r in batch] == [3, 5]
