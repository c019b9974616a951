"""A read model as it stood at some moment, in tables or a file of its own.

It is made of the events that had been appended by then, and of nothing else. A compacted topic may have lost some of
them: of a product that changed since, only its later states may be left. Versions are counted without a gap, so what is
missing is known: if the lowest version appended since the moment is not the one after the highest from before it, then
something in between was removed, and whether it was true at that moment or not, nobody can say. Such keys are listed
as unknown, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from events.arrivals import Record
from events.kafka import Kafka
from events.merged_model import MergedModel
from events.merging import Merged, Summed
from events.topics import TOPICS
from lab.replay.bulk import Bulk, Progress
from lab.replay.errors import NotAMoment
from lab.replay.files import write
from lab.replay.moments import Moment
from lab.replay.outcome import Counts
from lab.replay.shadow import Shadow
from lab.replay.topic import Offsets, TopicReader, name

THEN = "_then"


@dataclass
class Then:
    """``offsets`` are where the model is looked at; ``tables`` what was made (name -> rows); ``unknown`` maps keys to
    why nothing can be said of them; ``begun`` are partitions whose beginning was deleted, though all of it is needed.
    """

    model: str
    counts: Counts = field(default_factory=Counts)
    offsets: Mapping[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.unknown and not self.begun

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            **self.counts.as_dict(),
            "offsets": dict(self.offsets),
            "tables": self.tables,
            "complete": self.complete,
            "unknown": self.unknown,
            "without_beginning": self.begun,
        }


async def look_back(
    model: MergedModel,
    kafka: Kafka,
    database_url: str,
    *,
    until: Moment,
    since: Moment | None = None,
    file: Path | None = None,
    progress: Progress = lambda passed, total: None,
) -> Then:
    """Builds the model from what was appended before ``until`` (and from ``since`` on, if given: then it is what those
    events say alone). Either into tables named after the live ones + ``_then`` in orders' database, which replace those
    of an earlier look; or into ``file`` (its sums, if it has some, else its first table) and no table.

    Raises ReplayError, KafkaError, asyncpg.PostgresError, OSError.
    """
    then = Then(model.name)
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        shadow = Shadow(connection, model, THEN)
        async with TopicReader(kafka, model.topics) as topics, connection.transaction():
            begun = await topics.beginnings()
            start = begun if since is None else await since.offsets(topics, otherwise="beginning")
            stop = await until.offsets(topics, otherwise="end")
            if any(start[place] > stop[place] for place in stop):
                raise NotAMoment("the moment to read from is later than the one to read until")
            then.offsets = {name(place): offset for place, offset in stop.items()}
            await shadow.create()
            await Bulk(connection, shadow.rebuilt, topics, then.counts, progress).read(start, stop)
            if since is None:
                await _what_is_missing(then, topics, begun, stop)
            await _drop_unknown(connection, shadow.rebuilt, then)
            made: list[Merged | Summed] = [*shadow.rebuilt.sums, *shadow.rebuilt.tables]
            for table in made:
                then.tables[table.name] = await connection.fetchval(f"SELECT count(*) FROM {table.name}")
            if file is not None:
                await write(connection, made[0], file)
                await shadow.drop()
    finally:
        await connection.close()
    return then


async def _what_is_missing(then: Then, topics: TopicReader, begun: Offsets, stop: Offsets) -> None:
    compacted = {topics.kafka.topic(topic.name) for topic in TOPICS if "compact" in topic.configs["cleanup.policy"]}
    then.begun = [name(place) for place, offset in begun.items() if offset > 0 and place[0] not in compacted]
    ends = {place: end for place, end in (await topics.ends()).items() if place[0] in compacted}
    versions = Versions(stop)
    async for records in topics.read(begun, ends):
        for record in records:
            versions.saw(record)
    then.unknown = {
        key: f"version {last} was followed by {following}; what was in between is gone"
        if last
        else f"its first version that is left, {following}, is a later one"
        for key, (last, following) in sorted(versions.gaps().items())
    }


async def _drop_unknown(connection: Any, model: MergedModel, then: Then) -> None:
    """What was true of them before may not have been any more."""
    if then.unknown and model.newest_only:
        table = model.tables[0]
        await connection.execute(f"DELETE FROM {table.name} WHERE {table.key[0]}::text = ANY($1)", [*then.unknown])


class Versions:
    """Of each key the highest version appended before ``stop``, and the lowest above it appended since."""

    def __init__(self, stop: Offsets) -> None:
        self._stop = stop
        self._before: dict[str, int] = {}
        self._since: dict[str, int] = {}

    def saw(self, record: Record) -> None:
        """Records of a key must come in their order (they are of one partition)."""
        version = dict(record.headers).get("ce_sequence") or b""
        if record.key is None or not version.isdigit():
            return
        key, number = record.key.decode("utf-8", "replace"), int(version)
        if record.offset < self._stop[record.topic, record.partition]:
            self._before[key] = max(number, self._before.get(key, 0))
        elif number > self._before.get(key, 0):
            self._since[key] = min(number, self._since.get(key, number))

    def gaps(self) -> dict[str, tuple[int, int]]:
        """Key -> these two versions, where something is missing between them. Nothing before: version 0."""
        pairs = {key: (self._before.get(key, 0), following) for key, following in self._since.items()}
        return {key: (last, following) for key, (last, following) in pairs.items() if following > last + 1}
