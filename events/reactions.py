"""A service's answer to other services' events, without losing or repeating an effect.

Fetch a batch -> one database transaction {positions, inbox, effects, outbox} -> commit -> next. The positions in that
transaction decide what was handled; Kafka's group only shares out the partitions.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import structlog

from events import telemetry
from events.arrivals import Arrival, Reader
from events.batching import groups
from events.catalogue import Event
from events.dead_letters import bury
from events.envelope import Envelope
from events.failures import Backoff, is_transient
from events.inbox import Inbox
from events.intake import Batch, Intake, TopicMissing
from events.kafka import Kafka
from events.outbox import Outbox, Transaction
from events.positions import PositionError, PositionMoved
from events.refusals import explained, quiet_client_logs, refusal
from events.settling import settle
from events.spans import handling
from kit.database import Database

log = structlog.get_logger()

SILENT_SECONDS = 5.0

Handler = Callable[[Transaction, Sequence[Envelope[Any]]], Awaitable[None]]
"""Handles events of one type, in order. Its changes and the events it records are committed together, once."""


class ReactionLoop:
    """One consumer, by its stable name. Any number of replicas run the same consumer and share the partitions.

    Guarantees, for every event of a handled type on the topics: its effects are committed exactly once, or it is a
    dead letter with its reason; one aggregate's events are handled in order. An event without any effect so far is
    never passed over: while the database or the broker is away, the loop waits.

    A handler that raises: transient failures (``events.failures``) are tried again for ever. With any other failure
    the batch is halved until the event that fails by itself is found; that one becomes a dead letter, the others'
    effects stand. Handlers run again then, so they must not do anything but write to the transaction.
    """

    def __init__(
        self,
        *,
        consumer: str,
        kafka: Kafka,
        database: Database,
        outbox: Outbox,
        topics: Sequence[str],
        reactions: Mapping[type[Event], Handler],
        batch_size: int = 1000,
    ) -> None:
        self.consumer = consumer
        self.last_error: str | None = "not started"
        self._last_kind: tuple[type[Exception], str | None] | None = None
        self._outbox = outbox
        self._reactions = dict(reactions)
        self._reader = Reader(reactions)
        self._inbox = Inbox(consumer)
        self._intake = Intake(consumer=consumer, kafka=kafka, database=database, topics=topics, batch_size=batch_size)
        self._backoff = Backoff()
        stray = [event.__name__ for event in reactions if event.topic not in topics]
        if stray:
            raise ValueError(f"{consumer} handles {', '.join(stray)} but does not read their topics")

    @property
    def healthy(self) -> bool:
        """Whether events are being handled, or would be if there were any."""
        return self.last_error is None

    async def run(self) -> None:
        """Consumes until cancelled; a batch in hand is rolled back then and comes again.

        Whatever goes wrong outside a handler (broker or database away, a topic missing, recreated or shortened, a
        fault in this code) is logged once, makes the loop unhealthy, and is tried again with back-off for ever: nothing
        is passed over.
        """
        quiet_client_logs()
        while True:
            try:
                await self._intake.open()
                while True:
                    await self._consume_one_batch()
            except Exception as error:  # noqa: BLE001 (the supervisor's job, see above)
                self._trouble(error)
            finally:
                await self._intake.close()
            await asyncio.sleep(self._backoff.next())

    async def _consume_one_batch(self) -> None:
        batch = await self._intake.fetch()
        if not batch.records and self._intake.silent_seconds() > SILENT_SECONDS:
            self._trouble(ConnectionError("Kafka does not answer"))
            return
        if self._intake.started:
            self._fine()
        arrivals = [self._reader.read(record) for record in batch.records]
        if not all(arrival.skipped for arrival in arrivals):
            await self._settle(batch, arrivals)
        elif arrivals:
            telemetry.SKIPPED.labels(self.consumer).inc(len(arrivals))
            self._intake.skip(batch.records)
        elif self._intake.moves(()):
            await self._settle(batch, [])

    async def _settle(self, batch: Batch, arrivals: Sequence[Arrival]) -> None:
        """Returns early when the rest of the batch is not ours any more."""
        try:
            await settle(arrivals, partial(self._transact, batch), self._wait)
        except PositionMoved as moved:
            log.info("another replica handles these events", consumer=self.consumer, detail=str(moved))
            if batch.generation == self._intake.generation:
                self._intake.restart()

    async def _wait(self, error: Exception) -> None:
        self._trouble(error)
        telemetry.RETRIES.labels(self.consumer).inc()
        generation = self._intake.generation
        await asyncio.sleep(self._backoff.next())
        if generation != self._intake.generation:
            raise PositionMoved("the partitions were given to others")

    async def _transact(self, batch: Batch, arrivals: Sequence[Arrival]) -> None:
        """One transaction for these arrivals. Raises PositionMoved, or what a handler or the database raised."""
        begin = perf_counter()
        dead: list[Arrival] = []
        envelopes: list[Envelope[Event]] = []
        concerned = [arrival for arrival in arrivals if not arrival.skipped]
        async with self._intake.busy, self._outbox.transaction() as transaction:
            if batch.generation != self._intake.generation:
                raise PositionMoved("the partitions were given to others, or the positions are read again")
            moves = self._intake.moves([arrival.record for arrival in arrivals])
            fresh = await self._inbox.claim(transaction, moves, (arrival.identity for arrival in concerned))
            for arrival in concerned:
                if arrival.identity in fresh:
                    fresh.remove(arrival.identity)
                    if arrival.envelope is not None:
                        envelopes.append(arrival.envelope)
                    else:
                        dead.append(arrival)
            for envelope in envelopes:
                if envelope.traceparent is not None:
                    transaction.traces[envelope.key] = handling(transaction, envelope.traceparent, envelope)
            for event_type, group in groups(envelopes):
                await self._reactions[event_type](transaction, group)
            for arrival in dead:
                await bury(transaction, self.consumer, arrival)
        self._fine()
        self._intake.moved(batch, moves)
        telemetry.SKIPPED.labels(self.consumer).inc(len(arrivals) - len(concerned))
        telemetry.DUPLICATES.labels(self.consumer).inc(len(concerned) - len(envelopes) - len(dead))
        self._count(envelopes, dead, perf_counter() - begin)

    def _count(self, envelopes: Sequence[Envelope[Event]], dead: Sequence[Arrival], seconds: float) -> None:
        for event_type, number in Counter(envelope.type for envelope in envelopes).items():
            telemetry.HANDLED.labels(self.consumer, event_type).inc(number)
        for arrival in dead:
            telemetry.DEAD_LETTERS.labels(self.consumer, type(arrival.error).__name__).inc()
            log.error(
                "an event became a dead letter",
                consumer=self.consumer,
                topic=arrival.record.topic,
                partition=arrival.record.partition,
                offset=arrival.record.offset,
                error=repr(arrival.error),
            )
        if envelopes:
            telemetry.BATCH_EVENTS.labels(self.consumer).observe(len(envelopes))
            telemetry.BATCH_SECONDS.labels(self.consumer).observe(seconds)

    def _trouble(self, error: Exception) -> None:
        kind = (type(error), refusal())
        if self.last_error is None or kind != self._last_kind:
            known = is_transient(error) or isinstance(error, PositionError | TopicMissing)
            log.error(
                "the consumer waits" if known else "the consumer failed",
                consumer=self.consumer,
                error=explained(error),
                exc_info=None if known else error,
            )
        self._last_kind = kind
        self.last_error = explained(error)
        telemetry.HEALTHY.labels(self.consumer).set(0)

    def _fine(self) -> None:
        if self.last_error is not None:
            log.info("the consumer works", consumer=self.consumer)
            self.last_error = None
            telemetry.HEALTHY.labels(self.consumer).set(1)
        self._backoff.reset()
