"""Topics between any two points, without a consumer group: nobody's position is touched."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from time import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from events.intake import TopicMissing
from events.kafka import Kafka, stop
from events.log_bounds import partitions_of
from events.positions import Partition
from lab.replay.errors import BeyondEnd, NotDeclared

STOP_SECONDS = 2.0

Offsets = dict[Partition, int]
"""The broker's topic name and the partition -> an offset."""


class TopicReader:
    """``async with TopicReader(kafka, ["orders", "stock"]) as reader``. Topics by their logical names.

    Raises NotDeclared when one of them is not on the broker, and KafkaError.
    """

    def __init__(self, kafka: Kafka, topics: Sequence[str]) -> None:
        self.kafka = kafka
        self.topics = tuple(dict.fromkeys(topics))
        self._places: tuple[Partition, ...] = ()
        self._consumer: Any = AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="none", **kafka.client_options()
        )

    async def __aenter__(self) -> "TopicReader":
        try:
            found = await partitions_of(self.kafka, self.topics)
        except TopicMissing as error:
            raise NotDeclared(str(error)) from error
        self._places = tuple(sorted((at.topic, at.partition) for at in found))
        try:
            await self._consumer.start()
        except BaseException:
            await stop(self._consumer, patience=STOP_SECONDS)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop(self._consumer, patience=STOP_SECONDS)

    def places(self) -> tuple[Partition, ...]:
        """Every partition of the topics."""
        return self._places

    def logical(self, topic: str) -> str:
        """The name without the prefix."""
        return topic.removeprefix(self.kafka.topic(""))

    async def beginnings(self) -> Offsets:
        """The first offset that each partition still has."""
        return _offsets(await self._consumer.beginning_offsets(_partitions(self._places)))

    async def ends(self) -> Offsets:
        """The offset that the next record of each partition will get."""
        return _offsets(await self._consumer.end_offsets(_partitions(self._places)))

    async def at_time(self, milliseconds: int, places: Iterable[Partition]) -> dict[Partition, int | None]:
        """Of each partition the first record that was appended at this Unix time or later; None: there is none yet."""
        asked = dict.fromkeys(_partitions(places), max(milliseconds, 0))
        found = await self._consumer.offsets_for_times(asked)
        return {(at.topic, at.partition): None if hit is None else hit.offset for at, hit in found.items()}

    async def read(self, start: Mapping[Partition, int], stop: Mapping[Partition, int]) -> AsyncIterator[Sequence[Any]]:
        """The records of ``stop``'s partitions from ``start`` up to (not including) ``stop``, in batches of one
        partition each, a partition's in order; where ``start`` says nothing, from the beginning.

        Records that compaction or retention has removed are passed over. A broker that goes away is waited for. Raises
        BeyondEnd when a partition does not reach to its ``stop``.
        """
        left = await self.begin(start, stop)
        while left:
            for records in await self.poll(*left):
                end = stop[records[0].topic, records[0].partition]
                whole = records[-1].offset < end
                if wanted := records if whole else [record for record in records if record.offset < end]:
                    yield wanted
            left -= {place for place in left if await self.position(place) >= stop[place]}

    async def begin(self, start: Mapping[Partition, int], stop: Mapping[Partition, int]) -> set[Partition]:
        """Seeks as ``read`` does; returns the partitions that have something left before their ``stop``."""
        begun, ends = await self.beginnings(), await self.ends()
        for place, offset in stop.items():
            if offset > ends[place]:
                raise BeyondEnd(f"{name(place)} ends at offset {ends[place]:,}, before {offset:,}")
        first = {place: max(start.get(place, 0), begun[place]) for place in stop}
        left = {place for place in stop if first[place] < stop[place]}
        self.seek({place: first[place] for place in left})
        return left

    def seek(self, start: Mapping[Partition, int]) -> None:
        """From here on exactly these partitions are fetched, from these offsets."""
        if not start:
            return  # aiokafka's fetcher never returns from an empty assignment
        self._consumer.assign(_partitions(start))
        for place, offset in start.items():
            self._consumer.seek(TopicPartition(*place), offset)

    async def poll(self, *places: Partition, wait: float = 0.2, most: int | None = None) -> list[Sequence[Any]]:
        """What has come from these partitions, in batches of one partition each, ``most`` records in all; nothing after
        ``wait`` seconds. The others' records stay where they are. Raises BeyondEnd when a topic was recreated."""
        if not places:
            return []
        try:
            found = await self._consumer.getmany(*_partitions(places), timeout_ms=int(wait * 1000), max_records=most)
        except OffsetOutOfRangeError as error:
            await self._pass_over(error.args[0])
            return []
        return list(found.values())

    async def position(self, place: Partition) -> int:
        """The next offset to come from a partition that was sought. It moves past gaps, which no record tells."""
        offset: int = await self._consumer.position(TopicPartition(*place))
        return offset

    def silent_seconds(self, places: Iterable[Partition]) -> float:
        """How long the broker has not answered a fetch (it answers twice a second even when there is nothing)."""
        answers = [self._consumer.last_poll_timestamp(at) for at in _partitions(places)]
        known = [answer for answer in answers if answer is not None]
        return time() - max(known) / 1000 if known else 0.0

    async def _pass_over(self, out_of_range: Mapping[Any, int]) -> None:
        begun = await self._consumer.beginning_offsets(list(out_of_range))
        for at, offset in out_of_range.items():
            if offset >= begun[at]:
                raise BeyondEnd(f"{name((at.topic, at.partition))} ends before offset {offset:,}: it was recreated")
            self._consumer.seek(at, begun[at])


def name(place: Partition) -> str:
    """A partition as people write it."""
    return f"{place[0]}[{place[1]}]"


def _partitions(places: Iterable[Partition]) -> list[Any]:
    return [TopicPartition(*place) for place in places]


def _offsets(found: Mapping[Any, int]) -> Offsets:
    return {(at.topic, at.partition): offset for at, offset in found.items()}
