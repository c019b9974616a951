"""Transactions that announce what they changed.

An event is published if and only if its change was committed: it is recorded in the outbox, in the same transaction,
and the relay moves it to Kafka afterwards. Nothing else in a service may publish.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy.sql import dml

from events.catalogue import Event
from events.envelope import Envelope, encode
from events.tables import outbox
from kit import spans
from kit.database import Connection, Database, Query, bulk_insert, columns_of

_COLUMNS = ("topic", "key", "value", "headers")
_RECORD = Query(bulk_insert(outbox, *_COLUMNS))


class Announcing(Query):
    """A change that also writes the events recorded so far: one statement, one round trip (``Transaction.announce``).

    None of its own bind parameters may be called ``topic``, ``key``, ``value`` or ``headers``.
    """

    def __init__(self, change: dml.Insert | dml.Update) -> None:
        super().__init__(change.add_cte(bulk_insert(outbox, *_COLUMNS).cte("recorded")))


class Transaction(Connection):
    """A connection inside a transaction, plus the events that it will announce.

    ``record`` only collects; the rows are written in one statement right before the commit, in the order of the calls.
    An envelope without a trace gets the one that ``traces`` names for its key (the event or request it answers).
    """

    __slots__ = ("_after_commit", "_written", "recorded", "traces")

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.raw)
        self.recorded: list[Envelope[Event]] = []
        self.traces: dict[str, str] = {}
        self._after_commit: list[Callable[[], None]] = []
        self._written = 0

    def record(self, envelopes: Iterable[Envelope[Event]]) -> None:
        self.recorded.extend(envelopes)

    def after_commit(self, call: Callable[[], None]) -> None:
        """``call`` runs once the commit stands (never when it does not). It must not raise or block."""
        self._after_commit.append(call)

    async def announce(self, change: Announcing, **parameters: Any) -> int:
        """Makes the change and writes what was recorded, at once; the number of rows that were changed."""
        return await self.execute(change, **parameters, **self._rows())

    async def flush(self) -> None:
        """Writes what was recorded to the outbox. Called by ``Outbox.transaction``."""
        if self.unwritten:
            await self.execute(_RECORD, **self._rows())

    @property
    def unwritten(self) -> list[Envelope[Event]]:
        """What was recorded and is not in the outbox yet."""
        return self.recorded[self._written :]

    def _rows(self) -> dict[str, list[Any]]:
        rows = []
        for envelope in self.unwritten:
            trace = envelope.traceparent or self.traces.get(envelope.key)
            if trace is not None and spans.wanted(trace):
                trace = self._sampled(envelope, trace)
            key, value, headers = encode(replace(envelope, traceparent=trace))
            rows.append((envelope.topic, key, value, orjson.dumps({name: text.decode() for name, text in headers})))
        self._written = len(self.recorded)
        return columns_of(_COLUMNS, rows)

    def _sampled(self, envelope: Envelope[Event], trace: str) -> str:
        """The trace that the event carries on: whoever handles it follows from it, not from what it was caused by."""
        event = spans.Span(trace, "event", type(envelope.data).__name__)
        self.after_commit(lambda: event.end(now=True))
        return event.traceparent

    def committed(self) -> None:
        for call in self._after_commit:
            call()


class Outbox:
    """Opens announcing transactions on a service's database and wakes its relay after each commit."""

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Changes and events of the block are committed together, or not at all. The relay is woken at once."""
        async with self._database.transaction() as connection:
            transaction = Transaction(connection)
            yield transaction
            await transaction.flush()
        self._committed(transaction)

    @asynccontextmanager
    async def single_statement(self) -> AsyncIterator[Transaction]:
        """For a block that changes something by one ``Transaction.announce`` at most, and may read before it: that
        statement is the whole transaction, which saves the round trips of BEGIN and COMMIT."""
        async with self._database.connection() as connection:
            transaction = Transaction(connection)
            yield transaction
        assert not transaction.unwritten, "recorded, but not announced"
        self._committed(transaction)

    def _committed(self, transaction: Transaction) -> None:
        if transaction.recorded:
            self._wake()
        transaction.committed()
