"""Where a read model stands against its topics: has it caught up, and do they still reach to where it stands?"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import NoReturn

import structlog

from events import health, telemetry
from events.failures import Backoff, is_transient
from events.intake import TopicMissing
from events.kafka import Kafka
from events.log_bounds import Bounds, log_bounds
from events.positions import Partition, Positions, check
from events.projection import Follower
from events.refusals import explained
from kit.database import Database

log = structlog.get_logger()

LOOKS = 10
CHECK_SECONDS = 10.0
LOOK_SECONDS = 10.0
"""A look that takes longer counts as unanswered."""
STILL_SECONDS = 90.0
"""For how long a model that has something to read may not move."""


class StandsStill(Exception):
    """The read model does not move although there is something to read, and broker and database answer. Faust's
    consumer has been seen like that on a machine that was starved of CPU; a new process goes on."""


def check_all(model: Follower, bounds: Mapping[Partition, Bounds], stands: Mapping[Partition, int]) -> None:
    """Raises PositionError when a position is not within the log that the broker has."""
    for place, bound in bounds.items():
        if place in stands:
            check(model.name, place, stands[place], beginning=bound.beginning, end=bound.end)


async def caught_up(model: Follower, kafka: Kafka, database: Database, *, empty_is_complete: bool = False) -> None:
    """Returns when the positions have reached the topics' ends. Empty topics have none to reach, unless
    ``empty_is_complete``.

    Those are the ends at the first look at which the topics held anything; then, since they may just be filled for the
    first time, the ends at the next look, until two looks see the same. Topics that never rest are followed to their
    ends at the ``LOOKS``-th look. Waits for a broker or database that is away, and for topics that are not there (which
    ``watch`` says).
    """
    backoff, ends, looks = Backoff(), dict[Partition, int](), 0
    while True:
        try:
            if not any(ends.values()):
                ends, looks = await _ends(model, kafka), 1
            stands = await _stands(model, kafka, database)
            if not any(ends.values()) and empty_is_complete:
                return
            if any(ends.values()) and all(stands.get(place, 0) >= end for place, end in ends.items()):
                if looks == LOOKS:
                    return
                reached, ends, looks = ends, await _ends(model, kafka), looks + 1
                if ends == reached:
                    return
            await asyncio.sleep(0.1)
        except TopicMissing:
            await asyncio.sleep(backoff.next())
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(backoff.next())


async def watch(model: Follower, kafka: Kafka, database: Database) -> NoReturn:
    """Looks at once and then every ``CHECK_SECONDS``; raises PositionError when a topic does not reach to the position
    any more, and StandsStill when nothing has moved for ``STILL_SECONDS`` although there is something to read.

    Each look tells the lag by partition. One that is not answered, or finds a topic missing, makes the model unhealthy
    (``events.health``), at most ``CHECK_SECONDS`` + ``LOOK_SECONDS`` and the few seconds of closing a connection after
    the answers stopped; it is repeated with back-off until one succeeds.

    Faust would start such a topic at its beginning, and what lies below the position would be skipped without a word.
    Not noticed is a topic that was recreated and grew beyond the position between two looks.
    """
    backoff, waits = Backoff(), False
    before, moved_at = dict[Partition, int](), monotonic()
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                stands = await _stands(model, kafka, database)
                bounds = await log_bounds(kafka, model.topics)
        except Exception as error:
            if not is_transient(error) and not isinstance(error, TopicMissing):
                raise
            health.report(model.name, health.Part.WATCHDOG, well=False)
            if not waits:
                log.error("the read model waits", read_model=model.name, error=explained(error))
            waits, moved_at = True, monotonic()
            await asyncio.sleep(backoff.next())
            continue
        check_all(model, bounds, stands)
        health.report(model.name, health.Part.WATCHDOG, well=True)
        if waits:
            log.info("broker and database answer again", read_model=model.name)
        waits = False
        backoff.reset()
        _tell_lag(model, bounds, stands)
        behind = any(stands.get(place, 0) < bound.end for place, bound in bounds.items())
        if not behind or stands != before:
            before, moved_at = stands, monotonic()
        elif monotonic() - moved_at > STILL_SECONDS:
            raise StandsStill(f"{model.name} has not moved for {STILL_SECONDS:g} s, and is behind")
        await asyncio.sleep(CHECK_SECONDS)


def _tell_lag(model: Follower, bounds: Mapping[Partition, Bounds], stands: Mapping[Partition, int]) -> None:
    for (topic, partition), bound in bounds.items():
        reached = max(stands.get((topic, partition), 0), bound.beginning)
        telemetry.LAG.labels(model.name, topic, partition).set(bound.end - reached)


async def _ends(model: Follower, kafka: Kafka) -> dict[Partition, int]:
    return {place: bound.end for place, bound in (await log_bounds(kafka, model.topics)).items()}


async def _stands(model: Follower, kafka: Kafka, database: Database) -> dict[Partition, int]:
    async with database.connection() as connection:
        return await Positions(model.name).read(connection, [kafka.topic(topic) for topic in model.topics])
