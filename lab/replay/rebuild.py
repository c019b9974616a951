"""A read model, built anew from its topics beside the live one, proven equal to it, and swapped in, while the shop is
open.

1. Everything up to where the live model stands (at most to the topics' ends as they are now) is read in bulk into
   shadow tables. The live model goes on meanwhile, and is followed until it has reached those ends, or patience ends.
2. One transaction locks the live model's position rows, as its projector does, so that it stands still; reads the
   remainder up to exactly there; compares; and, if both are equal, renames the tables. Readers see the old tables or
   the new ones, and the projector goes on in the new ones. (Who reads from a snapshot that is older than the new
   tables, in REPEATABLE READ, does not see their rows: that is why the audit looks twice.)
3. A live model that is behind (its worker may be down, or at its very first build) is compared where it stands. The new
   one is then read on to the ends, before a transaction like that one swaps it in and moves the positions forward.

It joins no consumer group, moves no group's offsets and publishes nothing. Whatever interrupts it leaves the live model
as it was: before the transaction that swaps, it writes nothing but the shadow tables.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from copy import deepcopy
from typing import Any

import asyncpg

from events.kafka import Kafka
from events.merged_model import MergedModel
from events.positions import Partition, Positions
from kit.database import Connection
from lab.replay.bulk import Bulk, Progress, between, lower, reaches, upper
from lab.replay.errors import NotNow
from lab.replay.outcome import Rebuild
from lab.replay.shadow import Shadow
from lab.replay.topic import Offsets, TopicReader, name

LOCK_TIMEOUT = "2s"
ATTEMPTS = 10
PAUSE_SECONDS = 0.5
HELD_UP_SECONDS = 300.0
"""The longest that the live model is held up by one attempt (a broker that goes away in the middle of it)."""

_RETRIED = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


async def rebuild(
    model: MergedModel,
    kafka: Kafka,
    database_url: str,
    *,
    check: bool = False,
    force: bool = False,
    patience: float = 30.0,
    progress: Progress = lambda passed, total: None,
) -> Rebuild:
    """Builds, compares and (unless ``check``) swaps; a model that differs is swapped in only with ``force``.

    ``patience`` is how many seconds the live model gets to reach the topics' ends as they were at the start. Raises
    ReplayError (NotNow: run it again later), KafkaError, asyncpg.PostgresError.
    """
    begin = time.monotonic()
    done = Rebuild(model.name)
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", lock_name(model)):
            raise NotNow(f"another `shop replay {model.name}` is at work on this database; wait for its end")
        async with TopicReader(kafka, model.topics) as topics:
            work = _Work(model, connection, topics, done, progress)
            try:
                await work.run(check=check, force=force, patience=patience)
            finally:
                await work.shadow.drop()
    finally:
        await connection.close()
    done.seconds = time.monotonic() - begin
    return done


def lock_name(model: MergedModel) -> str:
    """The advisory lock that one rebuild of a model holds."""
    return f"shop rebuild {model.name}"


class _Work:
    """``_reached`` is how far the shadow tables have come."""

    def __init__(
        self, model: MergedModel, connection: Any, topics: TopicReader, done: Rebuild, progress: Progress
    ) -> None:
        self.shadow = Shadow(connection, model)
        self._connection = connection
        self._database = Connection(connection)
        self._positions = Positions(model.name)
        self._topics = topics
        self._done = done
        self._bulk = Bulk(connection, self.shadow.rebuilt, topics, done.counts, progress)
        self._reached: Offsets = {}
        self._known: set[Partition] = set()

    async def run(self, *, check: bool, force: bool, patience: float) -> None:
        begun, ends = await self._topics.beginnings(), await self._topics.ends()
        # A row that does not exist cannot be locked; committed by itself, so that it can deadlock with nobody.
        await self._positions.begin(self._database, begun)
        self._known = set(await self._begun(begun))
        await self.shadow.create()
        target = upper(begun, lower(await self._stands(begun), ends))
        await self._bulk.read(begun, target)
        self._reached = target
        await self._follow(ends, patience)
        await self.shadow.analyze()

        await self._attempts(lambda: self._prove(ends, check=check, force=force))
        if not self._done.swapped and not check and (self._done.equal or force):
            await self._advance(ends)
            await self._attempts(self._swap_ahead)

    async def _stands(self, begun: Offsets) -> Offsets:
        """Where the live model stands; a partition that it never read counts from its beginning."""
        stands = await self._begun(begun)
        return {place: max(stands.get(place, 0), offset) for place, offset in begun.items()}

    async def _begun(self, places: Iterable[Partition]) -> Offsets:
        """The positions of all partitions of these topics that were ever begun."""
        return await self._positions.read(self._database, sorted({topic for topic, _ in places}))

    async def _follow(self, ends: Offsets, patience: float) -> None:
        """Reads on behind the live model until it has reached the ends, or for ``patience`` seconds."""
        begin = time.monotonic()
        while True:
            stands = await self._stands(self._reached)
            await self._advance(lower(stands, ends))
            self._done.waited_seconds = time.monotonic() - begin
            if reaches(stands, ends) or self._done.waited_seconds > patience:
                return
            await asyncio.sleep(0.1)

    async def _advance(self, stop: Offsets) -> None:
        if not reaches(self._reached, stop):
            await self._bulk.read(self._reached, stop)
            self._reached = upper(self._reached, stop)

    async def _prove(self, ends: Offsets, *, check: bool, force: bool) -> None:
        """Compares at the live model's positions; swaps, if it may and the live model has reached the ends."""
        stands = await self._lock()
        if not reaches(stands, self._reached):
            raise NotNow(f"the positions of {self._done.model} went back meanwhile; run this again")
        await self._advance(stands)
        self._done.proofs = await self.shadow.compare()
        self._done.behind = between(stands, ends)
        if not check and not self._done.behind and (self._done.equal or force):
            await self._swap()

    async def _swap_ahead(self) -> None:
        """The shadow is ahead of the live model, or beside it: it takes its place, and the positions follow it."""
        stands = await self._lock()
        await self._advance(upper(self._reached, stands))
        await self._swap()
        for place, offset in self._reached.items():
            if offset > stands[place]:
                await self._positions.set(self._database, place, offset)

    async def _lock(self) -> Offsets:
        """Who writes the live model takes turns with us from here on. A position that was taken away is 0."""
        stands = await self._positions.lock(self._database, sorted(self._reached))
        return {place: stands.get(place, 0) for place in self._reached}

    async def _swap(self) -> None:
        """With the tables locked, nobody is between having begun a partition and having written its rows."""
        await self.shadow.swap()
        if added := set(await self._begun(self._reached)) - self._known:
            raise NotNow(f"{', '.join(map(name, sorted(added)))} came into being meanwhile; run this again")
        self._done.swapped = True

    async def _attempts(self, transaction: Callable[[], Awaitable[None]]) -> None:
        """Runs it as one transaction; again, if it did not get its locks in time (a reader that takes long)."""
        for attempt in range(1, ATTEMPTS + 1):
            reached, counts = self._reached, deepcopy(self._done.counts)
            try:
                async with asyncio.timeout(HELD_UP_SECONDS), self._connection.transaction():
                    await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                    await transaction()
            except TimeoutError as error:
                self._done.swapped = False
                raise NotNow(
                    f"the remainder could not be read within {HELD_UP_SECONDS:.0f} s, for which the live "
                    f"{self._done.model} stood still; nothing was swapped, try again"
                ) from error
            except _RETRIED as error:
                self._reached, self._done.swapped = reached, False
                vars(self._done.counts).update(vars(counts))
                if attempt == ATTEMPTS:
                    raise NotNow(
                        f"the tables of {self._done.model} are in use for too long ({error}); try again"
                    ) from error
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return
