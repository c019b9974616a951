"""A topic from its beginning up to given offsets, without a consumer group: nobody's position is touched."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.kafka import Kafka

Offsets = dict[tuple[str, int], int]


class TopicReader:
    """``async with TopicReader(kafka, topic) as reader``. Raises KafkaError."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._topic = kafka.topic(topic)
        self._consumer: Any = AIOKafkaConsumer(
            self._topic, enable_auto_commit=False, auto_offset_reset="earliest", **kafka.client_options()
        )

    async def __aenter__(self) -> "TopicReader":
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def beginnings(self) -> Offsets:
        return self._offsets(await self._consumer.beginning_offsets(self._partitions()))

    async def ends(self) -> Offsets:
        return self._offsets(await self._consumer.end_offsets(self._partitions()))

    async def read(
        self, start: Mapping[tuple[str, int], int], stop: Mapping[tuple[str, int], int]
    ) -> AsyncIterator[Any]:
        """The records from ``start`` up to (not including) ``stop``, a partition's in order.

        Compacted topics have gaps, so it goes by positions, not by counting. Where there is nothing left to read below
        ``stop``, nothing is read.
        """
        open_ = {at for at in self._partitions() if start[at.topic, at.partition] < stop[at.topic, at.partition]}
        closed = set(self._partitions()) - open_
        self._consumer.pause(*closed)
        self._consumer.resume(*open_)
        for at in open_:
            self._consumer.seek(at, start[at.topic, at.partition])
        while open_:
            batches = await self._consumer.getmany(*open_, timeout_ms=200)
            for at, records in batches.items():
                end = stop[at.topic, at.partition]
                for record in records:
                    if record.offset < end:
                        yield record
            for at in list(open_):
                if await self._consumer.position(at) >= stop[at.topic, at.partition]:
                    open_.discard(at)
                    self._consumer.pause(at)

    def _partitions(self) -> list[Any]:
        return [
            TopicPartition(self._topic, number) for number in sorted(self._consumer.partitions_for_topic(self._topic))
        ]

    @staticmethod
    def _offsets(found: Mapping[Any, int]) -> Offsets:
        return {(at.topic, at.partition): offset for at, offset in found.items()}
