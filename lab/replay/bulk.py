"""Topics into the tables of a read model, in bulk."""

from collections.abc import Callable
from typing import Any

from events.merged_model import MergedModel
from lab.replay.collecting import uncollected
from lab.replay.loading import Loader, add_up
from lab.replay.newest import Newest
from lab.replay.outcome import Counts
from lab.replay.topic import Offsets, TopicReader

FOLLOWED = 20_000
"""Over more events than these it is cheaper to add the sums up anew than to let them follow."""

Progress = Callable[[int, int], None]
"""Called with how many offsets were passed and how many there are to pass (compacted topics have gaps)."""


class Bulk:
    """Reads ``topics`` into the tables of ``model``, which are empty at first, a stretch at a time. Runs in the
    connection's transaction, if it is in one."""

    def __init__(
        self, connection: Any, model: MergedModel, topics: TopicReader, counts: Counts, progress: Progress
    ) -> None:
        self._connection = connection
        self._model = model
        self._topics = topics
        self._counts = counts
        self._progress = progress
        self._fresh = True

    async def read(self, start: Offsets, stop: Offsets) -> None:
        """From ``start`` up to ``stop``. Over a long stretch the sums are added up anew at the end of it, over a short
        one they follow."""
        stretch = {place: offset for place, offset in stop.items() if offset > start[place]}
        if not stretch:
            return
        anew = self._fresh or between(start, stretch) > FOLLOWED
        loader = Loader(self._connection, self._model, self._counts, fresh=self._fresh, follow_sums=not anew)
        with uncollected():
            await (self._newest if self._model.newest_only else self._all)(loader, start, stretch)
        if anew:
            await add_up(self._connection, self._model)
        self._fresh = False

    async def _all(self, loader: Loader, start: Offsets, stop: Offsets) -> None:
        passed = _Passed(self._progress, start, stop)
        async for records in self._topics.read(start, stop):
            await loader.take(records)
            passed.to(records[-1])
        await loader.flush()

    async def _newest(self, loader: Loader, start: Offsets, stop: Offsets) -> None:
        """Decodes only what survives. Where a survivor turns out to be unreadable, the next best of its key counts: all
        records of such keys are read once more, and decoded."""
        passed, newest = _Passed(self._progress, start, stop), Newest(self._model, self._counts)
        async for records in self._topics.read(start, stop):
            await loader.take(newest.take(records))
            passed.to(records[-1])
        survivors = newest.survivors()
        broken = [record for record in survivors if not loader.add(record)]
        broken += await loader.flush()
        if not broken:
            return
        keys, seen = {record.key for record in broken}, {_place(record) for record in survivors}
        async for records in self._topics.read(start, stop):
            others = [
                record
                for record in records
                if record.key in keys and _place(record) not in seen and not newest.is_odd(record)
            ]
            self._counts.read -= len(others)
            self._counts.superseded -= len(others)
            await loader.take(others)
        await loader.flush()


class _Passed:
    """Tells how far the reading has come: often enough for a person, seldom enough to cost nothing."""

    def __init__(self, progress: Progress, start: Offsets, stop: Offsets) -> None:
        self._tell = progress
        self._start = start
        self._at = {place: start[place] for place in stop}
        self._total = sum(max(offset - start[place], 0) for place, offset in stop.items())

    def to(self, record: Any) -> None:
        place = record.topic, record.partition
        self._at[place] = record.offset + 1
        self._tell(sum(offset - self._start[at] for at, offset in self._at.items()), self._total)


def _place(record: Any) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def lower(one: Offsets, other: Offsets) -> Offsets:
    """Of each partition the lower offset."""
    return {place: min(offset, other[place]) for place, offset in one.items()}


def upper(one: Offsets, other: Offsets) -> Offsets:
    """Of each partition the higher offset."""
    return {place: max(offset, other[place]) for place, offset in one.items()}


def reaches(one: Offsets, other: Offsets) -> bool:
    """Whether every partition of ``one`` is at least where it is in ``other``."""
    return all(one[place] >= offset for place, offset in other.items())


def between(one: Offsets, other: Offsets) -> int:
    """How many offsets ``one`` is behind ``other``."""
    return sum(max(offset - one[place], 0) for place, offset in other.items())
