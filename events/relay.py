"""Moves outbox rows to Kafka: in order for each aggregate, at least once, with nobody else at it.

One relay per service database is active, the relays of other replicas stand by (``events.leadership``). The active one
reads and deletes on the very connection that makes it active. What a relay that lost its role still has under way to
Kafka is fenced off (``events.fencing``).
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import orjson
import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from events import telemetry
from events.backlog import Backlog, measure
from events.failures import Backoff, is_transient
from events.fencing import FencedProducer
from events.kafka import Kafka
from events.leadership import Leadership
from events.refusals import explained, quiet_client_logs, refusal
from events.sending import Outgoing
from events.spans import published
from kit import spans

log = structlog.get_logger()

POLL_SECONDS = 1.0
CLAIM_SECONDS = 24 * 3600.0
STALLED_SECONDS = 2.0
MEASURE_SECONDS = 5.0
FINISH_SECONDS = 3.0


class PublishFailed(Exception):
    """Kafka did not take some events of a batch. They stay in the outbox."""


class Relay:
    """The relay of one replica of ``service``. ``run`` never ends by itself.

    Guarantees: what was committed is published at least once (a crash can repeat a batch, consumers' inboxes stand
    against that); of one aggregate nothing overtakes; a row that commits late with a lower id is not skipped, because
    a read never begins above an id that may still appear (``events.backlog``), and exactly those rows that Kafka
    acknowledged are deleted. An event that Kafka refuses for good (too large) is tried again for ever and holds up what
    comes after it in its partition: an error in the log and ``events_refused_total`` say so.

    Woken by ``wake`` on any replica within a millisecond or so, and once a second regardless.
    """

    def __init__(self, *, service: str, kafka: Kafka, database_url: str, batch_size: int = 1000) -> None:
        self.service = service
        self.active = False
        self.published = 0
        """Events that Kafka has acknowledged to this relay."""
        self.last_error: str | None = None
        self._kafka = kafka
        self._batch_size = batch_size
        self._emptied: asyncio.Event | None = None
        self._leadership = Leadership(database_url, f"relay_{service}")
        self._backoff = Backoff()

    @property
    def healthy(self) -> bool:
        """Whether nothing keeps this relay from its work (publishing, or standing by)."""
        return self.last_error is None

    def wake(self) -> None:
        """There may be something to publish. Cheap; call it after a commit, from the event loop's thread."""
        self._leadership.wake()

    async def finish(self) -> None:
        """For a process that is about to end and commits nothing any more: returns when the outbox is empty, so that
        no event waits for the next process. At once where another replica's relay is the active one, and after
        ``FINISH_SECONDS`` in any case: what is left then is published by whoever becomes active next."""
        if not self.active:
            return
        self._emptied = asyncio.Event()
        self.wake()
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await self._emptied.wait()
        except TimeoutError:
            log.warning("the outbox is not empty; its events wait for the next relay", service=self.service)

    async def run(self) -> None:
        """Contends for the role, publishes while it has it, and starts again when it lost it. Until cancelled.

        A database or broker that is away is logged once when lost and once when back.
        """
        quiet_client_logs()
        while True:
            try:
                await self._leadership.hold(self._recovered, self._lead)
            except ProducerFenced:
                log.warning("this relay was fenced off by another one", service=self.service)
            except Exception as error:
                if not is_transient(error):
                    raise
                self._trouble("the relay's database cannot be reached", error)
            await asyncio.sleep(self._backoff.next())

    async def _lead(self, connection: Any) -> None:
        """Publishes for as long as the connection lasts. After any failure with a new claim: a fresh producer, so that
        nothing of an aggregate can overtake what failed."""
        await connection.execute("SET synchronous_commit = off")  # a lost DELETE is a duplicate, never a loss
        self._set_active(True)
        try:
            while True:
                try:
                    await self._relay_under_one_claim(connection)
                except ProducerFenced:
                    raise
                except (KafkaError, PublishFailed, TimeoutError) as error:
                    self._trouble("Kafka does not take the outbox's events", error)
                await self._measure(connection)
                await asyncio.sleep(self._backoff.next())
        finally:
            self._set_active(False)

    async def _relay_under_one_claim(self, connection: Any) -> None:
        """Ends when the claim has to be renewed; raises when something was not published."""
        producer = await FencedProducer.claim(self._kafka, f"relay.{self.service}")
        backlog = Backlog(self._batch_size)
        renew_at, measure_at = perf_counter() + CLAIM_SECONDS, 0.0
        try:
            while perf_counter() < renew_at:
                emptied = self._emptied  # a read that began before it was asked for does not count
                rows = await backlog.read(connection)
                if rows:
                    await self._publish(connection, backlog, producer, rows)
                elif emptied is not None:
                    emptied.set()
                self._recovered()
                self._backoff.reset()
                if perf_counter() >= measure_at:
                    await self._measure(connection)
                    measure_at = perf_counter() + MEASURE_SECONDS
                if len(rows) < self._batch_size:
                    await self._leadership.woken(POLL_SECONDS)
        finally:
            await producer.close()

    async def _publish(self, connection: Any, backlog: Backlog, producer: FencedProducer, rows: Sequence[Any]) -> None:
        """Sends the rows in order and deletes those that Kafka acknowledged; PublishFailed when that is not all."""
        begin = perf_counter()
        watch = asyncio.create_task(self._watch(connection))
        try:
            results = await producer.send_all([self._outgoing(row) for row in rows])
        finally:
            watch.cancel()
            await asyncio.wait([watch])
        acknowledged = [row for row, error in zip(rows, results, strict=True) if error is None]
        if acknowledged:
            if spans.recording():
                published(acknowledged)
            await backlog.delete(connection, acknowledged)
            self._count(acknowledged, perf_counter() - begin)
        for row, error in zip(rows, results, strict=True):
            if isinstance(error, ProducerFenced):
                raise error
            if error is not None:
                if not error.retriable:
                    telemetry.REFUSED.labels(self.service, row["topic"]).inc()
                where = f"outbox row {row['id']} ({row['topic']}, key {row['key']!r})"
                raise PublishFailed(f"{where}: {error!r}") from error

    def _outgoing(self, row: Any) -> Outgoing:
        headers = [(name, text.encode()) for name, text in orjson.loads(row["headers"]).items()]
        return Outgoing(self._kafka.topic(row["topic"]), row["key"], row["value"], headers)

    async def _watch(self, connection: Any) -> None:
        """While Kafka keeps a batch waiting: says so, and measures the backlog that grows meanwhile."""
        await asyncio.sleep(STALLED_SECONDS)
        self._trouble("Kafka does not acknowledge; waiting for it", None)
        while True:
            try:
                await self._measure(connection)
            except Exception as error:
                if not is_transient(error):
                    raise
                return  # the connection is lost, which others notice
            await asyncio.sleep(MEASURE_SECONDS)

    async def _measure(self, connection: Any) -> None:
        rows, age = await measure(connection)
        telemetry.OUTBOX_ROWS.labels(self.service).set(rows)
        telemetry.OUTBOX_AGE.labels(self.service).set(age)

    def _count(self, rows: Sequence[Any], seconds: float) -> None:
        self.published += len(rows)
        telemetry.PUBLISH_SECONDS.labels(self.service).observe(seconds)
        telemetry.RELAY_BATCH.labels(self.service).observe(len(rows))
        topics = [row["topic"] for row in rows]
        for topic in set(topics):
            telemetry.PUBLISHED.labels(self.service, topic).inc(topics.count(topic))

    def _set_active(self, active: bool) -> None:
        log.info("relay is active" if active else "relay is not active any more", service=self.service)
        self.active = active
        telemetry.RELAY_ACTIVE.labels(self.service).set(active)

    def _trouble(self, what: str, error: BaseException | None) -> None:
        reason = refusal()
        if self.last_error is None or (reason and reason not in self.last_error):
            log.error(what, service=self.service, error=explained(error) if error else reason)
        self.last_error = f"{what}: {explained(error) if error else reason or ''}"

    def _recovered(self) -> None:
        if self.last_error is not None:
            self.last_error = None
            log.info("the relay works again", service=self.service)
