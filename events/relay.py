"""Moves outbox rows to Kafka: in order for each aggregate, at least once, with nobody else at it.

One relay per service database is active; the relays of other replicas stand by. The role is a session advisory lock,
and the active relay reads and deletes on the very connection that holds it: who loses the connection loses the role
and cannot touch the outbox any more. What such a relay still has under way to Kafka is fenced off (``events.fencing``).

A relay is woken by the commits of its own process (``wake``), by NOTIFY for commits of other replicas (sent by their
standby relays, not in the business transactions: NOTIFY would serialise their commits), and once a second regardless.
"""

import asyncio
import random
from collections.abc import Sequence
from hashlib import sha256
from time import perf_counter
from typing import Any

import asyncpg
import orjson
import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from events import telemetry
from events.failures import Backoff, is_transient
from events.fencing import FencedProducer
from events.kafka import Kafka, quiet_client_logs

log = structlog.get_logger()

POLL_SECONDS = 1.0
CLAIM_SECONDS = 24 * 3600.0
STALLED_SECONDS = 2.0

_SELECT = "SELECT id, topic, key, value, headers FROM outbox ORDER BY id LIMIT $1"
_DELETE = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
_BACKLOG = (
    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 "
    "FROM (SELECT recorded_at FROM outbox ORDER BY id LIMIT 100000) AS oldest"
)


class PublishFailed(Exception):
    """Kafka did not take some events of a batch. They stay in the outbox."""


class Relay:
    """The relay of one replica of ``service``. ``run`` never ends by itself.

    Guarantees: what was committed is published at least once (a crash can repeat a batch, consumers' inboxes stand
    against that); of one aggregate nothing overtakes; a row that commits late with a lower id is not skipped, because
    rows are read from the beginning and exactly those that Kafka acknowledged are deleted. An event that Kafka refuses
    for good (too large) is tried again for ever and holds up what comes after it: an error in the log and
    ``events_refused_total`` say so.
    """

    def __init__(self, *, service: str, kafka: Kafka, database_url: str, batch_size: int = 1000) -> None:
        self.service = service
        self.active = False
        self.last_error: str | None = None
        self._kafka = kafka
        self._url = database_url
        self._batch_size = batch_size
        self._woken = asyncio.Event()
        self._channel = f"relay_{service}"
        self._lock_key = int.from_bytes(sha256(f"shop relay {service}".encode()).digest()[:8], "big", signed=True)

    @property
    def healthy(self) -> bool:
        """Whether nothing keeps this relay from its work (publishing, or standing by)."""
        return self.last_error is None

    def wake(self) -> None:
        """There may be something to publish. Cheap; call it after a commit, from the event loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Contends for the role, publishes while it has it, and starts again when it lost it. Until cancelled.

        A database or broker that is away is logged once when lost and once when back.
        """
        quiet_client_logs()
        backoff = Backoff()
        while True:
            try:
                await self._serve(backoff)
            except ProducerFenced:
                log.warning("this relay was fenced off by another one", service=self.service)
            except Exception as error:
                if not is_transient(error):
                    raise
                self._trouble("the relay's database cannot be reached", error)
            await asyncio.sleep(backoff.next())

    async def _serve(self, backoff: Backoff) -> None:
        """One connection's life: stand by until the lock is free, then relay. Ends by an exception only."""
        connection = await _connect(self._url)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.add_termination_listener(lambda _: None if lost.done() else lost.set_result(None))
        work = asyncio.create_task(self._contend_and_relay(connection, backoff))
        try:
            await asyncio.wait([work, lost], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ConnectionError("the connection that holds the relay's role was lost")
            work.result()
        finally:
            self._set_active(False)
            work.cancel()
            await asyncio.wait([work])
            connection.terminate()

    async def _contend_and_relay(self, connection: Any, backoff: Backoff) -> None:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._lock_key):
            self._recovered()
            until = perf_counter() + POLL_SECONDS * random.uniform(0.7, 1.0)
            while (remaining := until - perf_counter()) > 0:
                if await self._wait_for_wake(remaining):
                    await connection.execute("SELECT pg_notify($1, '')", self._channel)
        self._set_active(True)
        await connection.execute("SET synchronous_commit = off")  # a lost DELETE is a duplicate, never a loss
        await connection.add_listener(self._channel, lambda *_: self._woken.set())
        while True:
            try:
                await self._relay(connection, backoff)
            except (KafkaError, PublishFailed) as error:
                if isinstance(error, ProducerFenced):
                    raise
                self._trouble("Kafka does not take the outbox's events", error)
            except TimeoutError as error:
                self._trouble("Kafka cannot be reached", error)
            await self._measure(connection)
            await asyncio.sleep(backoff.next())

    async def _relay(self, connection: Any, backoff: Backoff) -> None:
        """Publishes under one claim. Ends when the claim is a day old; raises when something was not published.

        The caller starts again with a fresh producer then, so nothing of an aggregate can overtake what failed.
        """
        producer = await FencedProducer.claim(self._kafka, f"relay.{self.service}")
        renew_at = perf_counter() + CLAIM_SECONDS
        measure_at = 0.0
        try:
            while perf_counter() < renew_at:
                self._woken.clear()
                rows = await connection.fetch(_SELECT, self._batch_size)
                if rows:
                    await self._publish(connection, producer, rows)
                self._recovered()
                backoff.reset()
                if perf_counter() >= measure_at:
                    await self._measure(connection)
                    measure_at = perf_counter() + 5
                if len(rows) < self._batch_size:
                    await self._wait_for_wake(POLL_SECONDS)
        finally:
            await producer.close()

    async def _publish(self, connection: Any, producer: FencedProducer, rows: Sequence[Any]) -> None:
        """Sends the rows in order and deletes those that Kafka acknowledged; PublishFailed when that is not all."""
        begin = perf_counter()
        stalled = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._stalled)
        names = {row["topic"]: self._kafka.topic(row["topic"]) for row in rows}
        acks: list[asyncio.Future[Any]] = []
        failure: tuple[Any, KafkaError] | None = None
        acknowledged: list[Any] = []
        try:
            for row in rows:
                headers = [(name, text.encode()) for name, text in orjson.loads(row["headers"]).items()]
                try:
                    acks.append(await producer.send(names[row["topic"]], row["key"], row["value"], headers))
                except KafkaError as error:
                    failure = row, error
                    break
            for row, ack in zip(rows, acks, strict=False):
                try:
                    await ack
                except KafkaError as error:
                    failure = failure if failure and failure[0]["id"] < row["id"] else (row, error)
                else:
                    acknowledged.append(row)
        finally:
            stalled.cancel()
        if acknowledged:
            await connection.execute(_DELETE, [row["id"] for row in acknowledged])
            self._count(acknowledged, perf_counter() - begin)
        if failure is not None:
            row, cause = failure
            if isinstance(cause, ProducerFenced):
                raise cause
            if not cause.retriable:
                telemetry.REFUSED.labels(self.service, row["topic"]).inc()
            raise PublishFailed(f"outbox row {row['id']} ({row['topic']}, key {row['key']!r}): {cause!r}") from cause

    async def _wait_for_wake(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def _measure(self, connection: Any) -> None:
        rows, age = await connection.fetchrow(_BACKLOG)
        telemetry.OUTBOX_ROWS.labels(self.service).set(rows)
        telemetry.OUTBOX_AGE.labels(self.service).set(age)

    def _count(self, rows: Sequence[Any], seconds: float) -> None:
        telemetry.PUBLISH_SECONDS.labels(self.service).observe(seconds)
        telemetry.RELAY_BATCH.labels(self.service).observe(len(rows))
        topics = [row["topic"] for row in rows]
        for topic in set(topics):
            telemetry.PUBLISHED.labels(self.service, topic).inc(topics.count(topic))

    def _set_active(self, active: bool) -> None:
        if active != self.active:
            log.info("relay is active" if active else "relay is not active any more", service=self.service)
        self.active = active
        telemetry.RELAY_ACTIVE.labels(self.service).set(active)

    def _stalled(self) -> None:
        self._trouble("Kafka does not acknowledge; waiting for it", None)

    def _trouble(self, what: str, error: BaseException | None) -> None:
        if self.last_error is None:
            log.error(what, service=self.service, error=repr(error) if error else None)
        self.last_error = f"{what}: {error!r}" if error else what

    def _recovered(self) -> None:
        if self.last_error is not None:
            self.last_error = None
            log.info("the relay works again", service=self.service)


async def _connect(url: str) -> Any:
    """A connection of the relay's own. A peer that vanished without a word is noticed within about ten seconds."""
    return await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=10,
        server_settings={
            "application_name": "relay",
            "timezone": "UTC",
            "tcp_keepalives_idle": "3",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
    )
