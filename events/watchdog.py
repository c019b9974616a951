"""Ends a worker whose read model cannot go on, so that its supervisor starts another one."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable

import structlog

from events.faust_app import open_database
from events.kafka import Kafka
from events.positions import PositionError
from events.projection import Follower
from events.standing import StandsStill, watch
from kit.database import Database

log = structlog.get_logger()


def watch_over(
    model: Follower, *, kafka: Kafka, database_url: str, end: Callable[[], None] | None = None
) -> threading.Thread:
    """Looks at the model's positions and topics (``events.standing.watch``) and calls ``end``, which ends the process
    with 1 unless told otherwise, when the model cannot go on or does not.

    From a thread of its own with connections of its own, because what hangs may be Faust itself: its tasks do not run
    before its consumer has joined the group.
    """
    ended = end or _end
    thread = threading.Thread(target=lambda: asyncio.run(_watch(model, kafka, database_url, ended)), name="watchdog")
    thread.daemon = True
    thread.start()
    return thread


async def _watch(model: Follower, kafka: Kafka, database_url: str, end: Callable[[], None]) -> None:
    """Ends the process whatever happens to the watching itself: a worker that nobody watches is worse than none."""
    database = Database(database_url, min_size=1, max_size=1, application=f"{model.name} watchdog")
    try:
        await open_database(database)
        await watch(model, kafka, database)
    except (PositionError, StandsStill) as error:
        log.critical("the read model stops", read_model=model.name, error=str(error))
    except Exception as error:
        log.critical("the read model stops", read_model=model.name, exc_info=error)
    end()


def _end() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
