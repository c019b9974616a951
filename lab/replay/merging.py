"""Many partitions as one stream, in the order in which the broker appended the records."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import heapify, heappop, heappush, merge
from typing import Any

from events.positions import Partition
from lab.replay.topic import Offsets, TopicReader

ENOUGH = 2000
"""Records of a partition that wait for others', before no more of it are fetched."""


async def in_append_order(
    reader: TopicReader, start: Mapping[Partition, int], stop: Mapping[Partition, int]
) -> AsyncIterator[Sequence[Any]]:
    """The records from ``start`` up to ``stop`` in batches, by append time across partitions and topics (in the same
    millisecond by partition); a partition's own order is always kept.

    In memory: of each partition ``ENOUGH`` records and what one fetch brings (1 MiB). Raises as ``TopicReader.read``.
    """
    left = await reader.begin(start, stop)
    waiting: dict[Partition, deque[Any]] = {place: deque() for place in left}
    while left or any(waiting.values()):
        if any(not waiting[place] for place in left):
            for records in await reader.poll(*(place for place in left if len(waiting[place]) < ENOUGH)):
                place = records[0].topic, records[0].partition
                waiting[place].extend(record for record in records if record.offset < stop[place])
            left -= {place for place in left if await reader.position(place) >= stop[place]}
        elif batch := _merged(waiting, left):
            yield batch


def _merged(waiting: Mapping[Partition, deque[Any]], left: set[Partition]) -> list[Any]:
    """Until nothing waits of a partition that has more to come: that could be older than all the others'."""
    heads = [(records[0].timestamp, place) for place, records in waiting.items() if records]
    heapify(heads)
    merged = []
    while heads:
        _, place = heappop(heads)
        merged.append(waiting[place].popleft())
        if waiting[place]:
            heappush(heads, (waiting[place][0].timestamp, place))
        elif place in left:
            break
    return merged


def merge_batches(batches: Sequence[Sequence[Any]]) -> list[Any]:
    """The records of batches of one partition each, by append time; of the same millisecond by partition."""
    return list(merge(*batches, key=lambda record: (record.timestamp, record.topic, record.partition)))


async def last(reader: TopicReader, start: Offsets, stop: Offsets, count: int) -> list[Any]:
    """The ``count`` records that were appended last between ``start`` and ``stop``, in append order.

    It reads back from the end, further where compaction has left gaps, and so costs no more in a long log than in a
    short one.
    """
    kept: list[Sequence[Any]] = []
    open_, window = dict(stop) if count else {}, count
    while open_:
        begin = {place: max(start[place], end - window) for place, end in open_.items()}
        found: dict[Partition, deque[Any]] = {place: deque(maxlen=count) for place in open_}
        async for records in reader.read(begin, open_):
            found[records[0].topic, records[0].partition].extend(records)
        for place, records in found.items():
            if len(records) == count or begin[place] == start[place]:
                kept.append(records)
                del open_[place]
        window *= 8
    return merge_batches(kept)[-count:] if count else []
