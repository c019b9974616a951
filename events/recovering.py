"""Putting back what a service had announced, after its database was restored to an older state.

A restored service has forgotten what it did since the backup, but the others have heard of it: it is on the service's
own topics, which are kept for ever. Started as it is, the service would use the same versions, and so the same event
ids, for other facts. So before it starts, its own topics are read to their end, and what they say is put back: after
that every aggregate is at least where it was announced to be. What others had announced needs nothing: the positions
were restored with the rest, and it is handled once more.

What was committed and not yet announced is lost with the database: nobody else has heard of it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import orjson
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from events.catalogue import Event
from events.envelope import Envelope, EnvelopeError, Malformed, decode
from events.intake import TopicMissing
from events.kafka import Kafka, stop
from events.leadership import Leadership
from events.log_bounds import log_bounds
from events.outbox import Outbox, Transaction
from events.refusals import quiet_client_logs
from events.tables import outbox
from kit.database import Database, Query, array
from kit.ending import beside
from kit.settings import ServiceSettings

SILENT_SECONDS = 30.0
LEAVING_SECONDS = 2.0
"""How long a process that was stopped may take to be gone from the database."""
BATCH = 2000
_OUTBOX = Query(sa.select(outbox.c.id, outbox.c.topic, outbox.c.headers))
_AT_WORK = (
    "SELECT DISTINCT application_name FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = ANY($1) AND pid <> pg_backend_pid() ORDER BY 1"
)
_SENT = Query(sa.delete(outbox).where(outbox.c.id == sa.any_(array("ids", outbox.c.id))))


class RecoveryError(Exception):
    """It cannot be put back like this; the message says what to do first.

    RecoveryError
    └── StillRunning   a process of the service is at work on the database
    """


class StillRunning(RecoveryError):
    pass


class PutBack(Protocol):
    """A service's side of it. Both methods may be carried out again after a failure, and then change nothing twice."""

    async def take(self, transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> int:
        """Some of the service's own events, an aggregate's in order; how many aggregates were brought further."""

    async def finish(self, outbox: Outbox) -> int:
        """All events were given to ``take``. How many aggregates were brought further now."""


@dataclass
class Recovered:
    read: int = 0
    put_back: int = 0
    already_sent: int = 0
    """Rows of the restored outbox that were on the topic already."""
    unreadable: list[str] = field(default_factory=list)
    """Where there is something on the service's own topics that is no event."""


async def recover(
    *,
    service: str,
    kafka: Kafka,
    database: Database,
    topics: Sequence[str],
    put_back: PutBack,
    read_models: Sequence[str] = (),
) -> Recovered:
    """Reads the service's own (logical) ``topics`` from their beginning to where they end now.

    Holds the role of the service's relay meanwhile. Raises StillRunning when somebody has it, or when a process of the
    service or a worker of one of its ``read_models`` is connected to the database at the beginning; RecoveryError,
    TopicMissing, KafkaError, OSError. It may be run again, whatever became of it.
    """
    done = Recovered()
    quiet_client_logs()
    role = f"relay_{service}"
    processes = [service, role, *read_models, *(f"{name} watchdog" for name in read_models)]

    patience = perf_counter() + LEAVING_SECONDS

    def somebody_has_the_role() -> None:
        if perf_counter() < patience:
            return  # it may be about to leave; it is asked again
        raise StillRunning(f"a process of {service} is at work on this database: stop all of them first")

    async def work(connection: Any) -> None:
        if at_work := await _still_at_work(connection, processes):
            raise StillRunning(f"still connected to this database: {', '.join(at_work)}; stop all of them first")
        async with beside(_keep_awake(connection)):
            await _put_back(done, kafka, database, topics, put_back)

    await Leadership(database.url, role).hold(somebody_has_the_role, work)
    return done


async def _still_at_work(connection: Any, processes: Sequence[str]) -> list[str]:
    """Those of them that are connected. PostgreSQL takes a moment to see that a connection was closed, so it is asked
    again for ``LEAVING_SECONDS``."""
    until = perf_counter() + LEAVING_SECONDS
    while at_work := [row["application_name"] for row in await connection.fetch(_AT_WORK, processes)]:
        if perf_counter() > until:
            break
        await asyncio.sleep(0.1)
    return at_work


async def _put_back(
    done: Recovered, kafka: Kafka, database: Database, topics: Sequence[str], put_back: PutBack
) -> None:
    announcing = Outbox(database, lambda: None)
    async with database.connection() as connection:
        waiting: dict[tuple[str, str], list[int]] = {}
        for row in await connection.fetch(_OUTBOX):
            waiting.setdefault((row["topic"], orjson.loads(row["headers"])["ce_id"]), []).append(row["id"])
    async for records in _records(kafka, topics):
        envelopes = list(_events(records, done))
        if not envelopes:
            continue
        sent = [id for each in envelopes for id in waiting.pop((each.topic, str(each.id)), ())]
        async with announcing.transaction() as transaction:
            done.put_back += await put_back.take(transaction, envelopes)
            if sent:
                await transaction.execute(_SENT, ids=sent)
        done.read += len(envelopes)
        done.already_sent += len(sent)
    done.put_back += await put_back.finish(announcing)


def _events(records: Iterable[Any], done: Recovered) -> Iterable[Envelope[Event]]:
    for record in records:
        place = f"{record.topic}[{record.partition}]@{record.offset}"
        try:
            yield decode(record.key, record.value, record.headers)
        except Malformed as error:
            done.unreadable.append(f"{place}: {error}")
        except EnvelopeError as error:
            raise RecoveryError(
                f"{place}: {error}; recover with the version that had written it, or a newer one"
            ) from error


async def _records(kafka: Kafka, topics: Sequence[str]) -> AsyncIterator[Sequence[Any]]:
    """All records up to the ends as they are now; each partition's in order."""
    bounds = await log_bounds(kafka, topics)
    ends = {TopicPartition(*place): bound.end for place, bound in bounds.items() if bound.end > bound.beginning}
    if not ends:
        return
    consumer: Any = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **kafka.client_options())
    try:
        await consumer.start()
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        heard = perf_counter()
        while ends:
            for partition, records in (await consumer.getmany(*ends, timeout_ms=500, max_records=BATCH)).items():
                heard = perf_counter()
                yield [record for record in records if record.offset < ends[partition]]
            ends = {partition: end for partition, end in ends.items() if await consumer.position(partition) < end}
            if perf_counter() - heard > SILENT_SECONDS:
                raise RecoveryError(f"Kafka has not answered for {SILENT_SECONDS:g} s; run it again when it does")
    finally:
        await stop(consumer)


async def _keep_awake(connection: Any) -> None:
    """A holder of a role that says nothing loses it."""
    while True:
        await asyncio.sleep(5)
        await connection.fetchval("SELECT 1")


def command(
    service: str, settings: ServiceSettings, topics: Sequence[str], put_back: PutBack, read_models: Sequence[str] = ()
) -> int:
    """``python -m SERVICE recover``: says what was done, or why not; the exit code."""

    async def run() -> Recovered:
        kafka = Kafka.of(settings)
        database = Database(settings.database_url, min_size=1, max_size=2, application=f"{service} recover")
        await database.open()
        try:
            return await recover(
                service=service,
                kafka=kafka,
                database=database,
                topics=topics,
                put_back=put_back,
                read_models=read_models,
            )
        finally:
            await database.close()

    try:
        done = asyncio.run(run())
    except (RecoveryError, TopicMissing, OSError, KafkaError) as error:
        print(f"{service} was not recovered: {error}", file=sys.stderr)
        return 1
    print(f"{done.read} events read; {done.put_back} aggregates put back")
    print(f"{done.already_sent} rows of the outbox had been published after the backup, and were removed")
    for place in done.unreadable:
        print(f"no event: {place}", file=sys.stderr)
    return 0
