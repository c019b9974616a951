"""What `shop events` shows: the topics between two moments, what goes on arriving, or all about one order."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.causality import Happening, in_causal_order
from events.partitioning import partition_of
from events.positions import Partition
from lab.replay.merging import in_append_order, last, merge_batches
from lab.replay.moments import Moment
from lab.replay.topic import Offsets, TopicReader
from lab.watching.sightings import Sighting, see

SILENT_SECONDS = 3.0

Progress = Callable[[int, int], None]
"""Records read, and records to read at most."""


@dataclass(frozen=True)
class Window:
    """A part of the topics."""

    start: Offsets
    stop: Offsets

    @property
    def total(self) -> int:
        """How many records it has; at most so many where compaction has left gaps."""
        return sum(max(0, end - self.start[place]) for place, end in self.stop.items())


async def window(reader: TopicReader, since: Moment, until: Moment) -> Window:
    """From ``since`` on, until (not including) ``until``. Raises as ``Moment.offsets``."""
    return Window(
        await since.offsets(reader, otherwise="beginning"),
        await until.offsets(reader, otherwise="end"),
    )


async def first_of(reader: TopicReader, part: Window, count: int | None) -> AsyncIterator[Sequence[Sighting]]:
    """In append order, ``count`` at most."""
    async for records in in_append_order(reader, part.start, part.stop):
        yield _seen(reader, records[:count])
        if count is not None:
            count -= len(records)
            if count <= 0:
                return


async def last_of(reader: TopicReader, part: Window, count: int) -> Sequence[Sighting]:
    """The ``count`` that were appended last."""
    return _seen(reader, await last(reader, part.start, part.stop, count))


async def arriving(
    reader: TopicReader, start: Offsets, *, lost: Callable[[], None], found: Callable[[], None]
) -> AsyncIterator[Sequence[Sighting]]:
    """What comes from ``start`` on, for ever. A broker that does not answer is waited for: ``lost`` is called once when
    it is gone, ``found`` once when it answers again. Partitions that are added meanwhile are not seen."""
    reader.seek(start)
    gone = False
    while True:
        batches = await reader.poll(*start, wait=0.5)
        if batches:
            yield _seen(reader, merge_batches(batches))
        if gone is not (silent := reader.silent_seconds(start) > SILENT_SECONDS):
            gone = silent
            (lost if gone else found)()


async def journey_of(
    reader: TopicReader, order_id: UUID, part: Window, progress: Progress
) -> list[tuple[Sighting, bool]]:
    """All records with the order's key, in causal order, and whether each repeats one that was appended before.

    Reads the partitions in which the key belongs. Where these do not have the beginning of the order (partitions were
    added since, or there is no such order) it reads the others, too.
    """
    key = str(order_id).encode()
    usual = set(_partitions_of(reader, key))
    found = await _with_key(reader, key, part, usual, progress)
    if not any(sighting.name == "OrderPlaced" for sighting in found):
        found += await _with_key(reader, key, part, set(reader.places()) - usual, progress)
    found.sort(key=lambda sighting: sighting.appended)
    seen: set[object] = set()
    told = []
    for sighting in found:
        identity = sighting.place if sighting.envelope is None else (sighting.envelope.source, sighting.envelope.id)
        told.append((sighting, identity in seen))
        seen.add(identity)
    return in_causal_order(told, lambda one: happening(one[0]))


def happening(sighting: Sighting) -> Happening:
    envelope = sighting.envelope
    if envelope is None:
        return Happening(None, sighting.topic, None, sighting.appended.timestamp())
    return Happening(sighting.name, sighting.topic, envelope.sequence, envelope.time.timestamp())


def _partitions_of(reader: TopicReader, key: bytes) -> Iterable[Partition]:
    for topic in map(reader.kafka.topic, reader.topics):
        count = sum(place[0] == topic for place in reader.places())
        yield topic, partition_of(key, count)


async def _with_key(
    reader: TopicReader, key: bytes, part: Window, places: set[Partition], progress: Progress
) -> list[Sighting]:
    narrow = Window({place: part.start[place] for place in places}, {place: part.stop[place] for place in places})
    read, found = 0, []
    async for records in reader.read(narrow.start, narrow.stop):
        found += _seen(reader, [record for record in records if record.key == key])
        read += len(records)
        progress(read, narrow.total)
    return found


def _seen(reader: TopicReader, records: Iterable[Any]) -> list[Sighting]:
    return [see(record, reader.logical(record.topic)) for record in records]
