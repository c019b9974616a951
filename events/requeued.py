"""Handles again the dead letters that a person has requeued, in the process of their own consumer.

``shop dead-letters requeue`` only marks rows; the consumer finds them here and handles them by its own code, in its own
database. So a requeue reaches that consumer and no other, and waits for it when it does not run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NoReturn

import sqlalchemy as sa
import structlog

from events import telemetry
from events.arrivals import Arrival, Reader
from events.catalogue import Event
from events.dead_letters import DeadLetter, reason
from events.failures import Backoff, is_transient
from events.inbox import Inbox
from events.outbox import Outbox, Transaction
from events.positions import Positions
from events.projection import Follower, ReadModel
from events.reactions import Handler
from events.spans import handling
from events.tables import dead_letters
from kit.database import Database, Query

log = structlog.get_logger()

POLL_SECONDS = 1.0

Effect = Callable[[Transaction, Arrival], Awaitable[None]]
"""Handles one arrival that has an envelope. It does nothing but write to the transaction."""


class NotHandled(Exception):
    """The event was requeued, but by now its consumer does not handle events of its type."""


class Requeued:
    """The requeued dead letters of one consumer, one at a time.

    Guarantees: the effects, the events they announce and the removal of the dead letter are one transaction, so that it
    has its effect once, or is still requeued, whatever is killed when. It is decoded anew, by the code that runs now.
    Those that are requeued together are handled in the order of their partition, also by several replicas: one waits
    for the other's row. After a transient failure the same one is tried again, for ever. After any other it is a dead
    letter again, with the new error, and the next one's turn comes.
    """

    def __init__(self, consumer: str, outbox: Outbox, handled: Iterable[type[Event]], effect: Effect) -> None:
        self._consumer = consumer
        self._outbox = outbox
        self._reader = Reader(handled)
        self._effect = effect
        self._waiting = False
        self._backoff = Backoff()

    async def run(self) -> NoReturn:
        """Looks once a second until cancelled; what is in hand is rolled back then. Waits for a database that is away.
        Raises what is wrong with the bookkeeping itself."""
        while True:
            try:
                while await self.handle_next():
                    self._fine()
                self._fine()
                pause = POLL_SECONDS
            except Exception as error:
                if not is_transient(error):
                    raise
                self._trouble(error)
                pause = self._backoff.next()
            await asyncio.sleep(pause)

    async def handle_next(self) -> bool:
        """Handles one, or finds that it fails still; False when none is requeued. Raises transient failures."""
        letter: DeadLetter | None = None
        try:
            async with self._outbox.transaction() as transaction:
                row = await transaction.fetch_one(_NEXT, consumer=self._consumer)
                if row is None:
                    return False
                letter = DeadLetter.of(row)
                arrival = self._read(letter)
                await self._effect(transaction, arrival)
                await transaction.execute(_HANDLED, id=letter.id)
        except Exception as error:
            if letter is None or is_transient(error):
                raise
            await self._failed(letter, error)
        else:
            self._count(letter, arrival)
        return True

    def _read(self, letter: DeadLetter) -> Arrival:
        arrival = self._reader.read(letter)
        if arrival.error is not None:
            raise arrival.error
        if arrival.skipped:
            raise NotHandled(f"{self._consumer} does not handle events of this type")
        return arrival

    async def _failed(self, letter: DeadLetter, error: Exception) -> None:
        """A transaction of its own, since the first is rolled back; it finds nothing to do when somebody else has dealt
        with the dead letter in between."""
        async with self._outbox.transaction() as transaction:
            if not await transaction.execute(_FAILED, id=letter.id, tried=letter.attempts, **reason(error)):
                return
        telemetry.REQUEUED.labels(self._consumer, "failed").inc()
        log.error(
            "a requeued dead letter failed again",
            consumer=self._consumer,
            record=letter.place,
            attempts=letter.attempts + 1,
            error=repr(error),
        )

    def _count(self, letter: DeadLetter, arrival: Arrival) -> None:
        assert arrival.envelope is not None
        telemetry.REQUEUED.labels(self._consumer, "handled").inc()
        telemetry.HANDLED.labels(self._consumer, arrival.envelope.type).inc()
        log.info("a requeued dead letter was handled", consumer=self._consumer, record=letter.place)

    def _trouble(self, error: Exception) -> None:
        if not self._waiting:
            log.warning("requeued dead letters have to wait", consumer=self._consumer, error=repr(error))
        self._waiting = True

    def _fine(self) -> None:
        if self._waiting:
            log.info("requeued dead letters are handled again", consumer=self._consumer)
        self._waiting = False
        self._backoff.reset()


def requeued_reactions(consumer: str, outbox: Outbox, reactions: Mapping[type[Event], Handler]) -> Requeued:
    """Those of a service's reactions. The event is in the inbox since it died; where it was pruned it is entered anew,
    so that a copy of it that is published later finds it handled."""
    inbox = Inbox(consumer)

    async def react(transaction: Transaction, arrival: Arrival) -> None:
        envelope = arrival.envelope
        assert envelope is not None
        await inbox.claim(transaction, (), [arrival.identity])
        if envelope.traceparent is not None:
            transaction.traces[envelope.key] = handling(transaction, envelope.traceparent, envelope)
        await reactions[type(envelope.data)](transaction, [envelope])

    return Requeued(consumer, outbox, reactions, react)


def requeued_projections(model: ReadModel, database: Database) -> Requeued:
    """Those of a read model. The position is locked, though not moved, so that neither its projector nor the swap of a
    rebuilt one is in the middle of something."""
    positions = Positions(model.name)

    async def apply(transaction: Transaction, arrival: Arrival) -> None:
        await positions.lock(transaction, [(arrival.record.topic, arrival.record.partition)])
        await model.apply(transaction, [arrival.envelope])  # type: ignore[list-item]

    return Requeued(model.name, Outbox(database, _nobody_to_wake), model.events, apply)


def requeued_too_late(model: Follower, database: Database) -> Requeued:
    """Those of a gauge that counts by the moment of arrival, which has passed: one that can be read by now is let go
    without being counted."""

    async def let_go(_transaction: Transaction, _arrival: Arrival) -> None:
        pass

    return Requeued(model.name, Outbox(database, _nobody_to_wake), model.events, let_go)


def _nobody_to_wake() -> None:
    """A read model announces nothing."""


_NEXT = Query(
    sa.select(*(dead_letters.c[name] for name in DeadLetter.__slots__))
    .where(
        dead_letters.c.consumer == sa.bindparam("consumer", type_=sa.Text),
        dead_letters.c.requeued_at.is_not(None),
    )
    .order_by(dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset)
    .limit(1)
    .with_for_update()
)
_of_id = dead_letters.c.id == sa.bindparam("id", type_=sa.Uuid)
_HANDLED = Query(sa.delete(dead_letters).where(_of_id))
_FAILED = Query(
    sa.update(dead_letters)
    .where(
        _of_id,
        dead_letters.c.attempts == sa.bindparam("tried", type_=sa.Integer),
        dead_letters.c.requeued_at.is_not(None),
    )
    .values(
        error=sa.bindparam("error"),
        traceback=sa.bindparam("traceback"),
        attempts=dead_letters.c.attempts + 1,
        died_at=sa.func.clock_timestamp(),
        requeued_at=None,
    )
)
