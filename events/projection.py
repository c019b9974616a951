"""Read models: idempotent copies and summaries built from events, position and rows in one transaction.

The transaction is the same wherever the records come from: from Faust while the shop runs (``events.faust_worker``),
or from the beginning of the topics when a read model is built anew.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from events import health, telemetry
from events.arrivals import Arrival, Reader, Record
from events.catalogue import Event
from events.dead_letters import bury
from events.envelope import Envelope
from events.failures import Backoff
from events.positions import Move, Partition, PositionMoved, Positions
from events.settling import settle
from kit import spans
from kit.database import Connection, Database

log = structlog.get_logger()


class Follower(Protocol):
    """Who follows which (logical) topics, and which of their events it handles."""

    @property
    def name(self) -> str: ...  # the consumer's name: group, positions, dead letters

    @property
    def topics(self) -> Sequence[str]: ...

    @property
    def events(self) -> Collection[type[Event]]: ...


class ReadModel(Follower, Protocol):
    """What a read model has to say for itself. ``apply`` must give the same rows whatever the order between topics, and
    when an event comes again; it does nothing but write to the connection it is given."""

    async def apply(self, connection: Connection, envelopes: Sequence[Envelope[Any]]) -> None: ...


class Projection(ABC):
    """Writes batches of records into a read model; a subclass says what is written.

    Guarantees: rows and position are committed together, records below the position are skipped, a record is passed
    over only as a dead letter written in that same transaction. Position rows are locked first (as a swap of a rebuilt
    model does), so two writers of one partition take turns.
    """

    def __init__(self, model: Follower, database: Database) -> None:
        self.last_error: str | None = None
        self._model = model
        self._database = database
        self._positions = Positions(model.name)
        self._reader = Reader(model.events)
        self._reached: dict[Partition, int] = {}
        self._backoff = Backoff()

    async def project(self, records: Sequence[Record]) -> None:
        """Returns when all of them are committed; until then it waits for a database that is away, for ever.

        Raises PositionMoved when a position went back since the last batch (somebody reset it): the records in hand are
        not the next ones then, and the caller must read again from the positions.
        """
        await settle([self._reader.read(record) for record in records], self._transact, self._wait)

    async def _transact(self, arrivals: Sequence[Arrival]) -> None:
        ends: dict[Partition, int] = {}
        for arrival in arrivals:
            place = (arrival.record.topic, arrival.record.partition)
            ends[place] = max(arrival.record.offset + 1, ends.get(place, 0))
        async with self._database.transaction() as connection:
            stands = await self._lock(connection, ends)
            new = [a for a in arrivals if a.record.offset >= stands[a.record.topic, a.record.partition]]
            await self._write(connection, arrivals, new)
            dead = [arrival for arrival in new if arrival.error is not None]
            for arrival in dead:
                await bury(connection, self._model.name, arrival)
            moves = [Move(*place, stands[place], end) for place, end in ends.items() if end > stands[place]]
            await self._positions.move(connection, moves)
        self._reached |= {place: max(end, stands[place]) for place, end in ends.items()}
        self._committed(arrivals, new, dead)

    @abstractmethod
    async def _write(self, connection: Connection, arrivals: Sequence[Arrival], new: Sequence[Arrival]) -> None:
        """Writes what is known by ``arrivals``, of which only ``new`` lie at or above the positions. It is called again
        with the same arrivals, or a part of them, when the transaction failed."""

    async def _lock(self, connection: Connection, places: Collection[Partition]) -> dict[Partition, int]:
        stands = await self._positions.lock(connection, places)
        if len(stands) < len(places):
            await self._positions.begin(connection, dict.fromkeys(places, 0))
            stands = await self._positions.lock(connection, places)
        for place, position in stands.items():
            if position < self._reached.get(place, 0):
                raise PositionMoved(f"{self._model.name}: {place} went back from {self._reached[place]} to {position}")
        return stands

    async def _wait(self, error: Exception) -> None:
        if self.last_error is None:
            log.error("the read model waits", read_model=self._model.name, error=repr(error))
        self.last_error = repr(error)
        health.report(self._model.name, health.Part.BATCHES, well=False)
        telemetry.RETRIES.labels(self._model.name).inc()
        await asyncio.sleep(self._backoff.next())

    def _committed(
        self,
        arrivals: Sequence[Arrival],
        new: Sequence[Arrival],
        dead: Iterable[Arrival],
    ) -> None:
        name, now = self._model.name, datetime.now(UTC)
        envelopes = _envelopes(new)
        if self.last_error is not None:
            log.info("the read model works again", read_model=name)
            self.last_error = None
        self._backoff.reset()
        health.report(name, health.Part.BATCHES, well=True)
        telemetry.DUPLICATES.labels(name).inc(len(arrivals) - len(new))
        telemetry.SKIPPED.labels(name).inc(sum(arrival.skipped for arrival in new))
        staleness = telemetry.STALENESS.labels(name)
        for envelope in envelopes:
            staleness.observe(max(0.0, (now - envelope.time).total_seconds()))
        if envelopes and spans.recording():
            changes = [(envelope.key, envelope.sequence, envelope.time.timestamp()) for envelope in envelopes]
            spans.note(name, "copied", at=now.timestamp(), changes=changes)
        for event_type, number in Counter(envelope.type for envelope in envelopes).items():
            telemetry.HANDLED.labels(name, event_type).inc(number)
        for arrival in dead:
            telemetry.DEAD_LETTERS.labels(name, type(arrival.error).__name__).inc()
            place = f"{arrival.record.topic}[{arrival.record.partition}]@{arrival.record.offset}"
            log.error("an event became a dead letter", consumer=name, record=place, error=repr(arrival.error))


class Projector(Projection):
    """Writes batches of records by ``apply`` of a read model, which gets the new ones only."""

    def __init__(self, model: ReadModel, database: Database) -> None:
        super().__init__(model, database)
        self._apply = model.apply

    async def _write(self, connection: Connection, arrivals: Sequence[Arrival], new: Sequence[Arrival]) -> None:
        envelopes = _envelopes(new)
        if envelopes:
            await self._apply(connection, envelopes)


def _envelopes(arrivals: Iterable[Arrival]) -> list[Envelope[Event]]:
    return [arrival.envelope for arrival in arrivals if arrival.envelope is not None]
