"""Events once more into the live read model, from some moment on: what is missing there comes back.

Merging is idempotent, so feeding an event again changes nothing that is right. Sums are added up anew at the end, for
the rows that are missing may still be in them, or may be missing there as well. What this cannot mend is a row that
says something else at the same version: that wants a rebuild.
"""

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from events.kafka import Kafka
from events.merged_model import MergedModel
from events.positions import Positions
from kit.database import Connection
from lab.replay.bulk import Progress
from lab.replay.errors import NotAMoment, NotNow
from lab.replay.loading import Loader, add_up
from lab.replay.moments import Moment
from lab.replay.outcome import Counts
from lab.replay.topic import TopicReader

ATTEMPTS = 5


@dataclass
class Fed:
    """How many events were fed again."""

    model: str
    counts: Counts = field(default_factory=Counts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"model": self.model, **self.counts.as_dict()}


async def feed(
    model: MergedModel,
    kafka: Kafka,
    database_url: str,
    *,
    since: Moment,
    progress: Progress = lambda passed, total: None,
) -> Fed:
    """Feeds the live model from ``since`` up to where it stands now. It may be working meanwhile; positions stay. If it
    is interrupted, the sums may count rows that came back twice: run it again.

    Raises ReplayError, KafkaError, asyncpg.PostgresError.
    """
    fed = Fed(model.name)
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        async with TopicReader(kafka, model.topics) as topics:
            start = await since.offsets(topics, otherwise="beginning")
            positions = Positions(model.name)
            stands = await positions.read(Connection(connection), sorted({place[0] for place in start}))
            stop = {place: max(stands.get(place, 0), offset) for place, offset in start.items()}
            total = sum(offset - start[place] for place, offset in stop.items())
            if not total:
                raise NotAMoment(f"{model.name} has handled nothing after that moment: there is nothing to feed again")
            loader = Loader(connection, model, fed.counts)
            async for records in topics.read(start, stop):
                await _again_if_in_the_way(loader, records)
                progress(fed.counts.read, total)
            if model.sums:
                await positions.begin(Connection(connection), await topics.beginnings())
                async with connection.transaction():
                    await positions.lock(Connection(connection), sorted(start))  # the worker takes turns with us
                    await add_up(connection, model)
    finally:
        await connection.close()
    return fed


async def _again_if_in_the_way(loader: Loader, records: Any) -> None:
    """Each batch is one transaction. One that got into a deadlock with the live worker is taken again: merging twice is
    merging once."""
    for record in records:
        loader.add(record)
    for _ in range(ATTEMPTS):
        try:
            await loader.flush()
        except asyncpg.DeadlockDetectedError:
            continue
        return
    raise NotNow("the live model's worker is always in the way; try again")
