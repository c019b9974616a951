"""The Faust worker of the live figures: counts in a windowed table, and writes what changed into the database.

About once a second a batch is counted and written in one transaction: the minutes it belongs to as absolute values, the
positions, its dead letters. Then the table is set, then the records are acknowledged. So three keep what was counted,
and any of them may lag behind after a kill or a restore: memory, the table's changelog, the database. After every
rebalance they are joined, minute by minute, by who goes further (``counting.further``).

The join is not for show. A worker that was replaced without knowing it may still write its older minute to the
changelog, where the last one stands, not the one that goes further; and Faust sends changes without waiting for them.
The database alone cannot go back: see ``rows``.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import structlog

from events.arrivals import Arrival, Record
from events.failures import Backoff, is_transient
from events.faust_app import OnReady, begin_at, follow, handle_requeued, new_app, open_database, tell_when_ready
from events.faust_worker import work
from events.kafka import Kafka
from events.positions import Partition
from events.projection import Projection
from events.requeued import requeued_too_late
from events.topics import MINUTES_CHANGELOG
from kit.database import Connection, Database
from kit.periodic import every
from orders_svc.read_models.live_figures import KEEP, NAME, LiveFigures, rows
from orders_svc.read_models.live_figures.counting import Counted, Minute, Place, count, further
from orders_svc.read_models.live_figures.minutes import OPTIONS, Minutes

log = structlog.get_logger()

FLUSH_SECONDS = 1.0
TAKE = 5000
FETCH_SECONDS = 1.5
"""How old the end of a partition may be that Faust's consumer knows: it asks at least that often."""
FORGET_AT_A_TIME = 5000


def run(*, kafka: Kafka, database_url: str, on_ready: OnReady, data_dir: Path | None = None) -> NoReturn:
    """Runs until SIGTERM or SIGINT (exit code 0) or until its consumer dies (1). Raises PositionError."""

    def build(database: Database) -> Any:
        return build_app(kafka=kafka, database=database, on_ready=on_ready, data_dir=data_dir)

    work(LiveFigures(), build, kafka=kafka, database_url=database_url, changelogs=[MINUTES_CHANGELOG])


def build_app(*, kafka: Kafka, database: Database, on_ready: OnReady, data_dir: Path | None = None) -> Any:
    model = LiveFigures()
    app = new_app(kafka.group(NAME), kafka, data_dir, **OPTIONS)
    figures = FiguresProjection(database, Minutes(app))
    (topic,) = map(kafka.topic, model.topics)

    def assigned() -> set[Any]:
        return {tp for tp in app.assignor.assigned_actives() if tp.topic == topic}

    async def recovered() -> None:
        try:
            await open_database(database)
            tps = assigned()
            stands = await figures.join([(tp.topic, tp.partition) for tp in tps])
            await begin_at(app, {tp: stands[tp.topic, tp.partition] for tp in tps})
        except Exception as error:
            log.critical("the read model stops", read_model=NAME, exc_info=error)
            await app.crash(error)  # Faust would go on with what it has
            raise

    figures.minutes.on_recover(recovered)
    follow(app, model, figures, kafka=kafka, database=database, within_seconds=FLUSH_SECONDS, take=TAKE)
    tell_when_ready(app, model, kafka=kafka, database=database, on_ready=on_ready, empty_is_complete=True)
    handle_requeued(app, NAME, requeued_too_late(model, database), database=database)

    def ends() -> dict[Partition, int | None]:
        held = app.consumer.assignment()
        return {(tp.topic, tp.partition): app.consumer.highwater(tp) for tp in assigned() if tp in held}

    @app.task  # type: ignore[untyped-decorator]
    async def stand() -> None:
        await open_database(database)
        await every(FLUSH_SECONDS, lambda: figures.stand(ends))

    @app.task  # type: ignore[untyped-decorator]
    async def forget() -> None:
        await open_database(database)
        await every(60.0, figures.forget)

    return app


class FiguresProjection(Projection):
    """Counts batches of records, and writes them. Records of a partition are taken only after a ``join`` of it, and
    without gaps."""

    def __init__(self, database: Database, minutes: Minutes) -> None:
        super().__init__(LiveFigures(), database)
        self.minutes = minutes
        self._known: dict[Place, Minute] = {}
        self._floors: dict[int, int] = {}
        self._pending: dict[Place, Counted] = {}
        self._dirty: set[Place] = set()

    async def join(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Brings together what is known of these partitions; their positions. Waits for a database that is away.

        Nothing is dropped of other partitions: their records may still be in hand, and must not be counted upon less.
        Raises PositionMoved when a position went back under this process.
        """
        backoff = Backoff()
        while True:
            try:
                return await self._join(partitions)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the figures wait for the database", error=repr(error))
                await asyncio.sleep(backoff.next())

    async def _join(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        numbers, since = {partition for _, partition in partitions}, _oldest()
        async with self._database.transaction() as connection:
            stands = await self._lock(connection, partitions)  # writers wait, so all that is read fits together
            written = await rows.load(connection, numbers, since)
        kept = [(place, minute) for place, minute in self.minutes.items() if place.partition in numbers]
        self._learn([*kept, *written.items()])
        for place, position in stands.items():
            self._floors[place[1]] = position
            self._reached[place] = max(position, self._reached.get(place, 0))
        return stands

    async def project(self, records: Sequence[Record]) -> None:
        self._check(records)
        await super().project(records)
        dirty, self._dirty = self._dirty, set()
        for place in dirty:
            self.minutes[place] = self._known[place]

    def _check(self, records: Sequence[Record]) -> None:
        """The topic has no gaps (nothing is compacted or expires, and nobody writes to it in transactions). So a record
        that is not the next one means that others were lost on their way here, and what is counted without them must
        not be written. The worker ends, and the next one reads from the positions."""
        reached = dict(self._reached)
        for record in records:
            place, offset = (record.topic, record.partition), record.offset
            if offset > reached.get(place, -1):
                raise RuntimeError(f"record {offset} of {place} was delivered, the next one is {reached.get(place)}")
            reached[place] = max(reached[place], offset + 1)

    async def _write(self, connection: Connection, arrivals: Sequence[Arrival], new: Sequence[Arrival]) -> None:
        self._pending = count(self._known, arrivals, floors=self._floors, since=_oldest())
        await rows.write(connection, self._pending)
        last = {arrival.record.partition: arrival.record.timestamp for arrival in arrivals}
        await rows.stand(connection, {number: datetime.fromtimestamp(at / 1000, UTC) for number, at in last.items()})

    def _committed(self, arrivals: Sequence[Arrival], new: Sequence[Arrival], dead: Iterable[Arrival]) -> None:
        super()._committed(arrivals, new, dead)
        pending, self._pending = self._pending, {}
        self._learn((place, minute) for place, (minute, _) in pending.items())
        self._dirty |= pending.keys()

    def _learn(self, told: Iterable[tuple[Place, Minute]]) -> None:
        for place, minute in told:
            self._known[place] = further(self._known.get(place), minute)

    async def stand(self, ends: Callable[[], dict[Partition, int | None]]) -> None:
        """Notes that partitions are counted to their ends: without events there is no batch that would say so."""
        at = datetime.now(UTC) - timedelta(seconds=FETCH_SECONDS)
        done = {
            place[1]: at for place, end in ends().items() if end is not None and self._reached.get(place, -1) >= end
        }
        async with self._database.transaction() as connection:
            await rows.stand(connection, done)

    async def forget(self) -> None:
        """Drops the minutes that are too old, everywhere; a bounded piece a transaction."""
        before = _oldest()
        self.minutes.forget(before)
        self._known = {place: minute for place, minute in self._known.items() if place.minute >= before}
        forgotten = FORGET_AT_A_TIME
        while forgotten == FORGET_AT_A_TIME:
            async with self._database.transaction() as connection:
                forgotten = await rows.forget(connection, before, limit=FORGET_AT_A_TIME)


def _oldest() -> datetime:
    return datetime.now(UTC) - KEEP
