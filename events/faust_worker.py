"""Runs a read model as a Faust worker, with the settings that lose nothing.

Faust acknowledges in a ``finally``: an agent that raises loses the event. Hence raw bytes in (decoding is ours, and a
dead letter where it fails), ``noack_take``, an explicit ack after the commit, and a projector that never lets go of a
record before it is committed. Positions are ours as well; the group's offsets only say where Faust starts to read, and
``prepare`` sees to it that this is never behind the positions.

A worker is a process of its own: when its consumer dies it exits with 1, and its supervisor starts it again.
"""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import faust
import structlog

from events.failures import Backoff, is_transient
from events.intake import TopicMissing
from events.kafka import Kafka, quiet_client_logs
from events.log_bounds import Bounds, log_bounds, pull_back_group
from events.positions import Partition, PositionError, Positions
from events.projection import Projector, ReadModel
from events.requeued import requeued_projections
from events.standing import caught_up, check_all, watch
from kit.database import Connection, Database

log = structlog.get_logger()

TAKE = 1000
WITHIN_SECONDS = 0.005
"""How long Faust collects a batch, unless told otherwise: a fixed timer, so it is added to every change's staleness."""

OnReady = Callable[[Connection], Awaitable[None]]


def run(
    model: ReadModel,
    *,
    kafka: Kafka,
    database_url: str,
    on_ready: OnReady,
    within_seconds: float = WITHIN_SECONDS,
    empty_is_complete: bool = False,
    data_dir: Path | None = None,
) -> NoReturn:
    """Runs the worker until SIGTERM or SIGINT (exit code 0) or until its consumer dies (1).

    ``on_ready`` is called once per process, in a transaction of its own, as soon as the read model has everything that
    was on its topics when the process started (and there was something, or ``empty_is_complete``). Raises PositionError
    at the start when a topic does not reach to where the read model stands; when that comes to pass later, the worker
    says so and ends with 1 within ten seconds.
    """
    _assert_compiled_streams()
    quiet_client_logs()
    asyncio.run(prepare(model, kafka, database_url))
    database = Database(database_url, min_size=1, max_size=4, application=model.name)
    app = build_app(
        model,
        kafka=kafka,
        database=database,
        on_ready=on_ready,
        within_seconds=within_seconds,
        empty_is_complete=empty_is_complete,
        data_dir=data_dir,
    )
    worker = faust.Worker(app, quiet=True, loglevel="WARNING", redirect_stdouts=False)
    worker.spinner = None  # it writes terminal codes, also where there is no terminal
    worker.execute_from_commandline()


async def prepare(model: ReadModel, kafka: Kafka, database_url: str) -> None:
    """What must be true before the first record is read: every partition has a position, which lies within the log, and
    the group does not start behind it. Waits for a broker or database that is away."""
    backoff, said = Backoff(), False
    while True:
        database = Database(database_url, min_size=1, max_size=1, application=model.name)
        try:
            await database.open()
            bounds = await log_bounds(kafka, model.topics)
            stands = await _begin(model, database, bounds)
            if await pull_back_group(kafka, kafka.group(model.name), stands):
                return
            reason = "the consumer group is ahead of the positions and has members; waiting for them to leave"
        except Exception as error:
            if not is_transient(error) and not isinstance(error, TopicMissing):
                raise
            reason = repr(error)
        finally:
            await database.close()
        if not said:
            log.warning("the read model cannot start yet", read_model=model.name, reason=reason)
            said = True
        await asyncio.sleep(backoff.next())


async def _begin(model: ReadModel, database: Database, bounds: Mapping[Partition, Bounds]) -> dict[Partition, int]:
    positions, topics = Positions(model.name), sorted({topic for topic, _ in bounds})
    async with database.connection() as connection:
        await positions.begin(connection, {place: bound.beginning for place, bound in bounds.items()})
        stands = await positions.read(connection, topics)
    check_all(model, bounds, stands)
    return {place: stands[place] for place in bounds}


def _scratch() -> Path:
    """A folder of this process alone: Faust wants one, although nothing of ours is kept in it."""
    folder = Path(tempfile.mkdtemp(prefix="shop-faust-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


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
    group = kafka.group(model.name)
    app = faust.App(
        group,
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
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
    )
    projector = Projector(model, database)
    source = app.topic(*(kafka.topic(topic) for topic in model.topics))

    @app.agent(source, name=model.name, concurrency=1)
    async def follow(stream: Any) -> None:
        await _open(database)
        async for events in stream.noack_take(TAKE, within=within_seconds):
            try:
                await projector.project([_record(event.message) for event in events])
            except Exception as error:
                log.critical("the read model stops", read_model=model.name, exc_info=error)
                await app.crash(error)
                await asyncio.Event().wait()  # never returns: returning or raising would acknowledge
                raise
            for event in events:
                event.ack()

    @app.task  # type: ignore[untyped-decorator]
    async def become_ready() -> None:
        await _open(database)
        await caught_up(model, kafka, database, empty_is_complete=empty_is_complete)
        async with database.transaction() as connection:
            await on_ready(connection)
        log.info("the read model is ready", read_model=model.name)

    @app.task  # type: ignore[untyped-decorator]
    async def handle_requeued() -> None:
        await _open(database)
        try:
            await requeued_projections(model, database).run()
        except Exception as error:
            log.critical("the read model stops", read_model=model.name, exc_info=error)
            await app.crash(error)
            raise

    @app.task  # type: ignore[untyped-decorator]
    async def watch_the_topics() -> None:
        await _open(database)
        try:
            await watch(model, kafka, database)
        except PositionError as error:
            log.critical("the read model stops", read_model=model.name, error=str(error))
            await app.crash(error)

    return app


class _Message(NamedTuple):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def _record(message: Any) -> _Message:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return _Message(message.topic, message.partition, message.offset, message.key, message.value, tuple(headers))


async def _open(database: Database) -> None:
    backoff = Backoff()
    while True:
        try:
            await database.open()
            return
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(backoff.next())


def _assert_compiled_streams() -> None:
    """Without its compiled part Faust acknowledges what an earlier generation of the group was given."""
    try:
        import faust._cython.streams  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            "faust-streaming is installed without its compiled part; install a wheel of 0.15.3"
        ) from error
