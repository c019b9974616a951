"""A consumer's side of Kafka: its share of the partitions, read on from the positions in its own database."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from events import positions, telemetry
from events.arrivals import Record
from events.kafka import Kafka, no_broker_yet, stop
from events.positions import Move, Partition, Positions
from kit.database import Database

log = structlog.get_logger()

COMMIT_SECONDS = 1.0
SESSION_SECONDS = 10.0
"""So long after its last sign of life the group gives a member up that was killed; its partitions wait until then."""


class TopicMissing(Exception):
    """A topic that the consumer reads is not declared on the broker (``python -m events.topics`` does it)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of each partition. Valid as long as ``generation`` is the intake's."""

    generation: int
    records: Sequence[Record]


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]
    """Open it, ``fetch`` batches, report with ``moved`` what was committed, close it.

    ``generation`` changes whenever the partitions or positions in hand stop being valid (a rebalance, ``restart``);
    a batch of an older generation must be dropped, its records come again to whoever owns them now. ``busy`` is held
    while a batch is written, so that a rebalance can wait a moment for it.
    """

    def __init__(
        self, *, consumer: str, kafka: Kafka, database: Database, topics: Sequence[str], batch_size: int
    ) -> None:
        self.generation = 0
        self.busy = asyncio.Lock()
        self._name = consumer
        self._kafka = kafka
        self._database = database
        self._topics = [kafka.topic(topic) for topic in topics]
        self._positions = Positions(consumer)
        self._batch_size = batch_size
        self._consumer: Any = None
        self._joined = False
        self._assigned: set[TopicPartition] = set()
        self._next: dict[TopicPartition, int] = {}
        self._unsaved: dict[TopicPartition, int] = {}
        self._assignment_changed = asyncio.Event()
        self._committed_at = 0.0
        self._commit: asyncio.Task[None] | None = None
        self._to_commit: dict[TopicPartition, int] = {}

    @property
    def started(self) -> bool:
        """Whether the group has given us our share (which may be none) and we stand at our positions."""
        return self._joined and self._assigned <= self._next.keys()

    async def open(self) -> None:
        """Joins the consumer group. Raises TopicMissing, KafkaError."""
        self._consumer = AIOKafkaConsumer(
            group_id=self._kafka.group(self._name),
            partition_assignment_strategy=(RangePartitionAssignor,),  # one order's events of all topics at one replica
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=2_000,
            rebalance_timeout_ms=15_000,
            max_poll_interval_ms=300_000,
            request_timeout_ms=20_000,
            metadata_max_age_ms=60_000,
            **self._kafka.client_options(),
        )
        with no_broker_yet():
            await self._consumer.start()
            missing = set(self._topics) - await self._consumer.topics()
        if missing:
            raise TopicMissing(f"not declared: {', '.join(sorted(missing))} (python -m events.topics declares them)")
        self._consumer.subscribe(self._topics, listener=self)

    async def close(self) -> None:
        """Leaves the group, so that others take over at once. Waits a few seconds at most for a broker that is gone."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        with suppress(OSError, KafkaError):
            async with asyncio.timeout(2):
                if self._commit is not None:
                    await asyncio.wait([self._commit])
                await self._send_commit(consumer)
        self._give_up_partitions()
        await stop(consumer)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._give_up_partitions()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                async with self.busy:
                    pass

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.restart()
        self._joined = True
        self._assigned = set(assigned)
        self._assignment_changed.set()

    def _give_up_partitions(self) -> None:
        self.restart()
        for partition in self._assigned:
            with suppress(KeyError):
                telemetry.LAG.remove(self._name, partition.topic, str(partition.partition))
        self._joined = False
        self._assigned = set()

    def restart(self) -> None:
        """Forgets what is in hand: positions are read from the database again before anything is fetched."""
        self.generation += 1
        self._next.clear()
        self._unsaved.clear()
        self._to_commit.clear()

    async def fetch(self, wait_seconds: float = 1.0) -> Batch:
        """The next records; none after ``wait_seconds``, or when a rebalance came between.

        Raises PositionError, KafkaError, and whatever the database raises when the positions cannot be read.
        """
        if self._assigned - self._next.keys():
            await self._start()
        generation = self.generation
        if not self._next:
            await self._wait_for_partitions(wait_seconds)
            return Batch(generation, ())
        try:
            found = await self._consumer.getmany(
                *self._next, timeout_ms=int(wait_seconds * 1000), max_records=self._batch_size
            )
        except OffsetOutOfRangeError:
            if generation == self.generation:
                self.restart()  # and _start says what is wrong with the position
            return Batch(generation, ())
        except KafkaError:
            if generation != self.generation:
                return Batch(generation, ())
            raise
        self._commit_lazily()
        if generation != self.generation:
            return Batch(generation, ())
        self._observe_lag()
        return Batch(generation, [record for records in found.values() for record in records])

    def moves(self, records: Iterable[Record]) -> list[Move]:
        """From the positions in the database to behind ``records`` (and behind what was skipped before them)."""
        reached = dict(self._unsaved)
        for record in records:
            reached[TopicPartition(record.topic, record.partition)] = record.offset + 1
        return [
            Move(partition.topic, partition.partition, self._next[partition], offset)
            for partition, offset in reached.items()
            if offset > self._next[partition]
        ]

    def skip(self, records: Iterable[Record]) -> None:
        """Nothing to do for these: their positions move with the next batch that is written, or when it is quiet."""
        for record in records:
            self._unsaved[TopicPartition(record.topic, record.partition)] = record.offset + 1

    def moved(self, batch: Batch, moves: Iterable[Move]) -> None:
        """The moves were committed in the database."""
        if batch.generation != self.generation:
            return
        for move in moves:
            partition = TopicPartition(move.topic, move.partition)
            self._next[partition] = self._to_commit[partition] = move.next_offset
            if self._unsaved.get(partition, 0) <= move.next_offset:
                self._unsaved.pop(partition, None)

    def silent_seconds(self) -> float:
        """How long the broker has not answered a fetch (it answers twice a second even when there is nothing)."""
        answers = [self._consumer.last_poll_timestamp(partition) for partition in self._next]
        return 0.0 if not answers or None in answers else time() - max(answers) / 1000

    async def _wait_for_partitions(self, wait_seconds: float) -> None:
        """Until the group has given us partitions, or the time is up. Raises what went wrong with the group."""
        self._assignment_changed.clear()
        with suppress(NoOffsetForPartitionError):  # of a partition that is not started yet
            await self._consumer.getmany(timeout_ms=0)
        if not self._assigned:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._assignment_changed.wait()

    async def _start(self) -> None:
        """Seeks the assigned partitions to their positions; those that have none begin at the log's beginning."""
        generation, partitions = self.generation, sorted(self._assigned - self._next.keys())
        async with self._database.connection() as connection:
            stands = await self._positions.read(connection, self._topics)
        beginnings = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        new = {_place(partition): beginnings[partition] for partition in partitions if _place(partition) not in stands}
        if new:
            async with self._database.connection() as connection:
                await self._positions.begin(connection, new)
                stands = await self._positions.read(connection, self._topics)
        if generation != self.generation:
            return
        for partition in partitions:
            position = stands[_place(partition)]
            positions.check(
                self._name, _place(partition), position, beginning=beginnings[partition], end=ends[partition]
            )
            self._consumer.seek(partition, position)
            self._next[partition] = self._to_commit[partition] = position  # told even if nothing comes

    def _observe_lag(self) -> None:
        for partition, position in self._next.items():
            end = self._consumer.highwater(partition)
            if end is not None:
                lag = max(0, end - max(position, self._unsaved.get(partition, 0)))
                telemetry.LAG.labels(self._name, partition.topic, partition.partition).set(lag)

    def _commit_lazily(self) -> None:
        """Tells Kafka now and then how far we are, for the eyes of lag tools. Nothing reads it to start from."""
        if not self._to_commit or perf_counter() - self._committed_at < COMMIT_SECONDS:
            return
        if self._commit is None or self._commit.done():
            self._committed_at = perf_counter()
            self._commit = asyncio.create_task(self._send_commit(self._consumer))

    async def _send_commit(self, consumer: Any) -> None:
        offsets = {partition: OffsetAndMetadata(offset, "") for partition, offset in self._to_commit.items()}
        self._to_commit.clear()
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            log.info("lag tools see old offsets: the commit failed", consumer=self._name, error=repr(error))


def _place(partition: TopicPartition) -> Partition:
    return partition.topic, partition.partition
