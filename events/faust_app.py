"""The Faust app of a read model, with the settings that lose nothing.

Faust acknowledges in a ``finally``: an agent that raises loses the event. Hence raw bytes in (decoding is ours, and a
dead letter where it fails), ``noack_take``, an explicit ack after the commit, and a projection that never lets go of a
record before it is committed.

An app with a table needs two more things (``_App``, ``begin_at``), or it loses what arrives while a recovery ends.
"""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import faust
import structlog
from aiokafka.errors import IllegalStateError
from faust.auth import SASLCredentials, SSLCredentials
from mode.utils.queues import FlowControlEvent

from events import health
from events.failures import Backoff, is_transient
from events.kafka import Kafka
from events.projection import Follower, Projection, Projector, ReadModel
from events.requeued import Requeued, requeued_projections
from events.standing import caught_up
from kit.database import Connection, Database
from kit.kafka_security import KafkaSecurity

log = structlog.get_logger()

TAKE = 1000
WITHIN_SECONDS = 0.005
"""How long Faust collects a batch, unless told otherwise: a fixed timer, so it is added to every change's staleness."""

_LONGEST_FETCH_SECONDS = 1.2
"""Faust waits for records for up to a second."""

OnReady = Callable[[Connection], Awaitable[None]]


def build_app(
    model: ReadModel,
    *,
    kafka: Kafka,
    database: Database,
    on_ready: OnReady,
    within_seconds: float = WITHIN_SECONDS,
    empty_is_complete: bool = False,
    data_dir: Path | None = None,
) -> Any:
    """The Faust app of a read model; ``run`` starts it."""
    app = new_app(kafka.group(model.name), kafka, data_dir)
    follow(app, model, Projector(model, database), kafka=kafka, database=database, within_seconds=within_seconds)
    tell_when_ready(app, model, kafka=kafka, database=database, on_ready=on_ready, empty_is_complete=empty_is_complete)
    handle_requeued(app, model.name, requeued_projections(model, database), database=database)
    return app


def new_app(group: str, kafka: Kafka, data_dir: Path | None = None, **options: Any) -> Any:
    """A Faust app with the settings that lose nothing; ``options`` are further ones. Its name is its group's."""
    return _App(
        group,
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka.security),
        store="memory://",
        datadir=data_dir or _scratch(),
        value_serializer="raw",
        key_serializer="raw",
        stream_wait_empty=False,
        stream_buffer_maxsize=TAKE,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        web_enabled=False,
        broker_session_timeout=10,
        broker_heartbeat_interval=1,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        worker_redirect_stdouts=False,
        **options,
    )


def _credentials(security: KafkaSecurity) -> Any:
    """The same for Faust, which keeps them for as long as it runs; None for a plain connection."""
    context = security.ssl_context() if security.encrypted else None
    if security.authenticated:
        return SASLCredentials(
            username=security.username, password=security.secret(), mechanism=security.mechanism, ssl_context=context
        )
    return SSLCredentials(context) if context else None


class _FlowControl(FlowControlEvent):
    def resume(self) -> None:
        if not self.is_active():
            super().resume()


class _App(faust.App):
    """At the end of a recovery Faust resumes the flow of records twice, the first time for the changelog, and each time
    throws away what is in its queues. By the second time there may be records of the source among them, which are never
    delivered again. Here the flow is resumed once: what was left over from before the rebalance is thrown away then.
    """

    @cached_property
    def flow_control(self) -> FlowControlEvent:
        return _FlowControl()


async def begin_at(app: Any, offsets: Mapping[Any, int]) -> None:
    """Has Faust read its partitions (TP) from these offsets, or below them where its group has committed less. To be
    called at the end of a table's recovery, before any record is delivered.

    By then Faust has fetched records of the source, too, and may have thrown them away: a fetch that began while only
    changelogs were to be read returns everything once they are read. Afterwards Faust goes back to what its group has
    committed, but not where that is nothing, or 0. So the offsets are set here, after such a fetch has ended.
    """
    await asyncio.sleep(_LONGEST_FETCH_SECONDS)
    try:
        for tp, offset in offsets.items():
            await app.consumer.seek(tp, offset)
    except IllegalStateError:
        log.info("the partitions were assigned anew meanwhile")  # which ends in another recovery


def follow(
    app: Any,
    model: Follower,
    projection: Projection,
    *,
    kafka: Kafka,
    database: Database,
    within_seconds: float,
    take: int = TAKE,
) -> None:
    """Has the app give all records of the model's topics to ``projection``, and acknowledge them after that."""

    @app.task  # type: ignore[untyped-decorator]
    async def joined() -> None:  # Faust runs no task before the group has given it its share
        health.report(model.name, health.Part.FAUST, well=True)

    source = app.topic(*(kafka.topic(topic) for topic in model.topics))

    @app.agent(source, name=model.name, concurrency=1)  # type: ignore[untyped-decorator]
    async def project(stream: Any) -> None:
        await open_database(database)
        async for events in stream.noack_take(take, within=within_seconds):
            try:
                await projection.project([_record(event.message) for event in events])
            except Exception as error:
                log.critical("the read model stops", read_model=model.name, exc_info=error)
                await app.crash(error)
                await asyncio.Event().wait()  # never returns: returning or raising would acknowledge
                raise
            for event in events:
                event.ack()


def tell_when_ready(
    app: Any, model: Follower, *, kafka: Kafka, database: Database, on_ready: OnReady, empty_is_complete: bool
) -> None:
    """Has the app say when the model has everything that was on its topics."""

    @app.task  # type: ignore[untyped-decorator]
    async def become_ready() -> None:
        await open_database(database)
        await caught_up(model, kafka, database, empty_is_complete=empty_is_complete)
        backoff, told = Backoff(), False
        while not told:
            try:
                async with database.transaction() as connection:
                    await on_ready(connection)
                told = True
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(backoff.next())
        log.info("the read model is ready", read_model=model.name)


def handle_requeued(app: Any, name: str, letters: Requeued, *, database: Database) -> None:
    """Has the app handle the model's dead letters that a person has requeued."""

    @app.task  # type: ignore[untyped-decorator]
    async def requeued() -> None:
        await open_database(database)
        try:
            await letters.run()
        except Exception as error:
            log.critical("the read model stops", read_model=name, exc_info=error)
            await app.crash(error)
            raise


class _Message(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def _record(message: Any) -> _Message:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return _Message(
        message.topic,
        message.partition,
        message.offset,
        round(message.timestamp * 1000),
        message.key,
        message.value,
        tuple(headers),
    )


async def open_database(database: Database) -> None:
    """Connects; waits for a database that is away."""
    backoff = Backoff()
    while True:
        try:
            await database.open()
            return
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(backoff.next())


def _scratch() -> Path:
    """A folder of this process alone: Faust wants one, although nothing of ours is kept in it."""
    folder = Path(tempfile.mkdtemp(prefix="shop-faust-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
