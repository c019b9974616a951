"""The product copy, built anew from its topic beside the live one, proven equal to it, and swapped in.

Equal means: at the same positions the same rows (all columns but ``copied_at``). To have the same positions the swap
locks the live model's position rows, as its projector does, and first brings the new table up to exactly there. It
never joins or moves a consumer group, and publishes nothing.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg

from events.arrivals import Reader
from events.catalogue import ProductChanged
from events.envelope import Envelope
from events.kafka import Kafka
from events.positions import Positions
from kit.database import Connection
from lab.replay.outcome import Counts, Rebuild, Table
from lab.replay.topic import Offsets, TopicReader
from orders_svc.read_models.product_copy import ProductCopy, fold
from orders_svc.read_models.tables import product_copy

LIVE, NEW = product_copy.name, "product_copy_rebuilt"
LOCK = "shop rebuild product-copy"
_COLUMNS = ("product_id", "name", "price", "stock", "image_url", "withdrawn", "version", "changed_at")
_LIST = ", ".join(_COLUMNS)
_CHECKSUM = f"SELECT count(*) AS rows, coalesce(sum(hashtextextended(row({_LIST})::text, 0)), 0)::text AS sum FROM "
_LIVE_COLUMNS, _NEW_COLUMNS = (", ".join(f"{side}.{name}" for name in _COLUMNS) for side in ("l", "n"))
_DIFFERENCES = f"""
    SELECT coalesce(l.product_id, n.product_id) AS key, l.version AS live, n.version AS rebuilt
    FROM {LIVE} l FULL JOIN {NEW} n USING (product_id)
    WHERE ({_LIVE_COLUMNS}) IS DISTINCT FROM ({_NEW_COLUMNS})
    ORDER BY 1 LIMIT 100"""

Progress = Callable[[int, int], None]
"""Called with records read and records to read (an upper bound: compacted topics have gaps)."""


class RebuildRunning(Exception):
    """Somebody else rebuilds this read model right now."""


async def rebuild(
    kafka: Kafka,
    database_url: str,
    *,
    check: bool = False,
    force: bool = False,
    patience: float = 30.0,
    progress: Progress,
) -> Rebuild:
    """Builds, compares and (unless ``check``) swaps; a copy that differs is swapped in only with ``force``.

    ``patience`` is how many seconds the live model gets to reach the topic's end as it was at the start; it may also
    be down: then the comparison is made where it stands. Raises RebuildRunning, KafkaError, asyncpg.PostgresError.
    """
    begin, done = time.monotonic(), Rebuild()
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", LOCK):
            raise RebuildRunning("another `shop replay product-copy` is at work on this database")
        async with TopicReader(kafka, "products") as topic:
            await _rebuild(connection, topic, done, check=check, force=force, patience=patience, progress=progress)
    finally:
        await connection.close()
    done.seconds = time.monotonic() - begin
    return done


async def _rebuild(
    connection: Any, topic: TopicReader, done: Rebuild, *, check: bool, force: bool, patience: float, progress: Progress
) -> None:
    begun, ends = await topic.beginnings(), await topic.ends()
    target = await _live_positions(connection, begun, ends, patience)
    newest, read = await _read(topic, begun, target, progress)
    done.add(read)
    await connection.execute(f"DROP TABLE IF EXISTS {NEW}; CREATE TABLE {NEW} (LIKE {LIVE} INCLUDING ALL)")
    try:
        # A row that does not exist cannot be locked; committed by itself, so that it can deadlock with nobody.
        await Positions(ProductCopy().name).begin(Connection(connection), begun)
        await connection.copy_records_to_table(NEW, records=map(_row, newest), columns=_COLUMNS)
        for attempt in range(5):
            try:
                async with connection.transaction():
                    read = await _catch_up(connection, topic, begun, target)
                    await _compare(connection, done)
                    if not check and (done.equal or force):
                        await _swap(connection)
                done.add(read)
                done.swapped = not check and (done.equal or force)
                return
            except asyncpg.DeadlockDetectedError:
                if attempt == 4:
                    raise
    finally:
        await connection.execute(f"DROP TABLE IF EXISTS {NEW}")


async def _live_positions(connection: Any, begun: Offsets, ends: Offsets, patience: float) -> Offsets:
    """Where the live model stands, once it has reached ``ends``, or after ``patience`` seconds. A partition that it
    never read counts from its beginning."""
    until = time.monotonic() + patience
    copy = Positions(ProductCopy().name)
    while True:
        stands = await copy.read(Connection(connection), sorted({topic for topic, _ in ends}))
        known = {place: max(stands.get(place, 0), begun[place]) for place in ends}
        if all(known[place] >= end for place, end in ends.items()) or time.monotonic() > until:
            return known
        await asyncio.sleep(0.1)


async def _read(
    topic: TopicReader, start: Offsets, stop: Offsets, progress: Progress
) -> tuple[list[Envelope[ProductChanged]], Counts]:
    """Of each product the change with the highest version below ``stop``. Memory: one event a product."""
    total = sum(stop[place] - start[place] for place in stop)
    reader, counts = Reader(ProductCopy().events), Counts()
    newest: dict[str, Envelope[Any]] = {}
    async for record in topic.read(start, stop):
        arrival = reader.read(record)
        counts.read += 1
        if arrival.envelope is not None:
            counts.decoded += 1
            known = newest.get(arrival.envelope.key)
            if known is None or known.sequence < arrival.envelope.sequence:
                newest[arrival.envelope.key] = arrival.envelope
        elif arrival.error is not None:
            counts.unreadable += 1
        else:
            counts.skipped += 1
        if counts.read % 2000 == 0:
            progress(counts.read, total)
    progress(counts.read, counts.read)
    return fold(newest.values()), counts


async def _catch_up(connection: Any, topic: TopicReader, begun: Offsets, target: Offsets) -> Counts:
    """Locks the live positions and brings the new table to exactly there."""
    stands = await Positions(ProductCopy().name).lock(Connection(connection), sorted(target))
    here = {place: max(stands.get(place, 0), begun[place]) for place in target}
    rest, counts = await _read(topic, target, here, lambda read, total: None)
    names = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    await connection.executemany(
        f"INSERT INTO {NEW} ({_LIST}) VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"
        f" ON CONFLICT (product_id) DO UPDATE SET {names} WHERE {NEW}.version < excluded.version",
        [_row(envelope) for envelope in rest],
    )
    return counts


async def _compare(connection: Any, done: Rebuild) -> None:
    done.live = Table(*await connection.fetchrow(_CHECKSUM + LIVE))
    done.rebuilt = Table(*await connection.fetchrow(_CHECKSUM + NEW))
    if done.live != done.rebuilt:
        for row in await connection.fetch(_DIFFERENCES):
            live, rebuilt = (
                "missing" if version is None else f"version {version}" for version in (row["live"], row["rebuilt"])
            )
            done.differences[f"product {row['key']}"] = f"live: {live}, rebuilt: {rebuilt}"


async def _swap(connection: Any) -> None:
    """Inside the caller's transaction, position rows locked: whoever writes next writes into the new table. The
    positions stay: the new table stands exactly where the old one stood."""
    indexes = await connection.fetch("SELECT indexname FROM pg_indexes WHERE tablename = $1", LIVE)
    await connection.execute(f"DROP TABLE {LIVE}; ALTER TABLE {NEW} RENAME TO {LIVE}")
    for row in indexes:
        wanted = row["indexname"]
        now = wanted.replace(LIVE, NEW, 1)
        await connection.execute(f'ALTER INDEX IF EXISTS "{now}" RENAME TO "{wanted}"')


def _row(envelope: Envelope[ProductChanged]) -> tuple[Any, ...]:
    product = envelope.data
    return (
        product.product_id,
        product.name,
        product.price,
        product.stock,
        product.image_url,
        product.withdrawn,
        envelope.sequence,
        envelope.time,
    )
