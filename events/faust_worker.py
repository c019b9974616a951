"""Runs a read model as a Faust worker, in a process of its own: when its consumer dies it exits with 1, and its
supervisor starts it again.

Positions are ours; the group's offsets only say where Faust starts to read, and ``prepare`` sees to it that this is
never behind the positions.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import faust
import structlog

from events import health
from events.failures import Backoff, is_transient
from events.faust_app import WITHIN_SECONDS, OnReady, build_app
from events.intake import TopicMissing
from events.kafka import Kafka
from events.log_bounds import Bounds, log_bounds, pull_back_group
from events.positions import Partition, Positions
from events.projection import Follower, ReadModel
from events.refusals import explained, quiet_client_logs
from events.standing import check_all
from events.watchdog import watch_over
from kit.database import Database

log = structlog.get_logger()

ATTEMPT_SECONDS = 60.0
"""A client that waits for longer than that, on a broker that has only just come up, waits for nothing."""


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
    """Runs the worker of a read model: see ``work``.

    ``on_ready`` is called once per process, in a transaction of its own, as soon as the read model has everything that
    was on its topics when the process started (and there was something, or ``empty_is_complete``).
    """

    def build(database: Database) -> Any:
        return build_app(
            model,
            kafka=kafka,
            database=database,
            on_ready=on_ready,
            within_seconds=within_seconds,
            empty_is_complete=empty_is_complete,
            data_dir=data_dir,
        )

    work(model, build, kafka=kafka, database_url=database_url)


def work(
    model: Follower,
    build: Callable[[Database], Any],
    *,
    kafka: Kafka,
    database_url: str,
    changelogs: Sequence[str] = (),
) -> NoReturn:
    """Runs the Faust app that ``build`` makes until SIGTERM or SIGINT (exit code 0) or until its consumer dies (1).
    It waits until the (logical) topics ``changelogs`` are there, too.

    It is healthy (``events.health``) once it has joined its group and the watchdog's first look was answered, and not
    while ``prepare`` waits.

    Raises PositionError at the start when a topic does not reach to where the read model stands; when that comes to
    pass later, the worker says so and ends with 1 within ten seconds.
    """
    _assert_compiled_streams()
    quiet_client_logs()
    health.worker_starts(model.name)
    asyncio.run(prepare(model, kafka, database_url, changelogs))
    watch_over(model, kafka=kafka, database_url=database_url)
    database = Database(database_url, min_size=1, max_size=4, application=model.name)
    worker = faust.Worker(build(database), quiet=True, loglevel="WARNING", redirect_stdouts=False)
    worker.spinner = None  # it writes terminal codes, also where there is no terminal
    worker.execute_from_commandline()


async def prepare(model: Follower, kafka: Kafka, database_url: str, changelogs: Sequence[str] = ()) -> None:
    """What must be true before the first record is read: every partition has a position, which lies within the log,
    the group does not start behind it, and changelogs are there. Waits for a broker or database that is away."""
    backoff, said = Backoff(), False
    while True:
        database = Database(database_url, min_size=1, max_size=1, application=model.name)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await database.open()
                bounds = await log_bounds(kafka, model.topics)
                if changelogs:
                    await log_bounds(kafka, changelogs)
                stands = await _begin(model, database, bounds)
                # looked at after the positions, which other workers of the group are moving meanwhile
                check_all(model, await log_bounds(kafka, model.topics), stands)
                if await pull_back_group(kafka, kafka.group(model.name), stands):
                    return
            reason = "the consumer group is ahead of the positions and has members; waiting for them to leave"
        except Exception as error:
            if not is_transient(error) and not isinstance(error, TopicMissing):
                raise
            reason = explained(error)
        finally:
            await database.close()
        if not said:
            log.warning("the read model cannot start yet", read_model=model.name, reason=reason)
            said = True
        await asyncio.sleep(backoff.next())


async def _begin(model: Follower, database: Database, bounds: Mapping[Partition, Bounds]) -> dict[Partition, int]:
    positions, topics = Positions(model.name), sorted({topic for topic, _ in bounds})
    async with database.connection() as connection:
        await positions.begin(connection, {place: bound.beginning for place, bound in bounds.items()})
        stands = await positions.read(connection, topics)
    return {place: stands[place] for place in bounds}


def _assert_compiled_streams() -> None:
    """Without its compiled part Faust acknowledges what an earlier generation of the group was given."""
    try:
        import faust._cython.streams  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            "faust-streaming is installed without its compiled part; install a wheel of 0.15.3"
        ) from error
