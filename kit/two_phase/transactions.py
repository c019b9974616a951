"""Transactions that are prepared in this service's database, and finished later by name.

``PREPARE TRANSACTION`` ends a transaction without deciding it: from then on it survives kill -9 of the service and of
the server, keeps every lock it took, and waits until somebody says COMMIT PREPARED or ROLLBACK PREPARED. Only the role
that prepared it may say so, on any connection.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, MetaData, bindparam, delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from kit import spans
from kit.crash import crash_point
from kit.database import Connection, Database, Query
from kit.two_phase import problems, telemetry
from kit.two_phase.tables import declare

CRASH_POINTS = ("2pc.participant.prepared", "2pc.participant.finishing", "2pc.participant.finished")
"""After the vote is durable and before it is sent; before the outcome is carried out; after it, before saying so."""

_outcomes = declare(MetaData())
_id = bindparam("transaction_id", type_=_outcomes.c.transaction_id.type)
_REMEMBER = Query(insert(_outcomes).values(transaction_id=_id).on_conflict_do_nothing())
_COMMITTED = Query(select(exists().where(_outcomes.c.transaction_id == _id)))
_FORGET = Query(delete(_outcomes).where(_outcomes.c.prepared_at < bindparam("before", type_=DateTime(timezone=True))))
_PREPARED = """
    SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8 AS age FROM pg_prepared_xacts
    WHERE database = current_database() AND starts_with(gid, $1) ORDER BY prepared"""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A transaction that is prepared and not finished; ``age`` in seconds."""

    transaction_id: UUID
    age: float


class PreparedTransactions:
    """The prepared transactions of one service.

    At most ``limit`` of them at a time (those that are just being prepared count, and so do those in doubt that were
    found at the last look), because the places are a fixed number for the whole server. ``lock_timeout_seconds`` bounds
    how long one may wait for a row that another holds. Finishing has ``connections`` of its own: those that wait for a
    row can never keep the transaction that holds it from being finished.
    """

    def __init__(
        self, service: str, database: Database, *, limit: int, lock_timeout_seconds: float, connections: int = 3
    ) -> None:
        self._prefix = f"shop-2pc-{service}-"
        self._database = database
        self._finishing = Database(
            database.url, min_size=1, max_size=connections, application=f"{service} finishing prepared transactions"
        )
        self._limit = limit
        self._lock_timeout_seconds = lock_timeout_seconds
        self._preparing: set[UUID] = set()
        self._prepared: set[UUID] = set()
        self._unwanted: set[UUID] = set()

    async def close(self) -> None:
        await self._finishing.close()

    def gid(self, transaction_id: UUID) -> str:
        """Its name in ``pg_prepared_xacts``; names are unique in a whole server, hence the service in it."""
        return f"{self._prefix}{transaction_id}"

    @asynccontextmanager
    async def prepare(self, transaction_id: UUID) -> AsyncIterator[Connection]:
        """What the block does is prepared when it ends, on one connection; when it raises, nothing has happened.

        Raises Problem: 409 when there was a vote already, or a rollback meanwhile; 503 when there is no place for
        another one, or a row stays locked. The block must not LISTEN or NOTIFY: PostgreSQL would refuse to prepare it.
        """
        self._admit(transaction_id)
        self._preparing.add(transaction_id)
        try:
            async with self._guarded(f"PREPARE TRANSACTION '{self.gid(transaction_id)}'", transaction_id) as connection:
                yield connection
            self._prepared.add(transaction_id)
        finally:
            self._preparing.discard(transaction_id)
            unwanted = transaction_id in self._unwanted
            self._unwanted.discard(transaction_id)
        if unwanted:
            await self.rollback(transaction_id)
            raise problems.rolled_back_meanwhile(transaction_id)
        crash_point("2pc.participant.prepared")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """An ordinary transaction that waits for locked rows no longer than a prepared one; 503 when that is over."""
        async with self._guarded("COMMIT") as connection:
            yield connection

    async def commit(self, transaction_id: UUID) -> None:
        """Doing it again changes nothing. Raises Problem: 404 when it is neither prepared nor was committed here, 503
        when somebody else is at it just now."""
        crash_point("2pc.participant.finishing")
        if not await self._finish("COMMIT", transaction_id) and not await self._was_committed(transaction_id):
            raise problems.unknown_transaction(transaction_id)
        crash_point("2pc.participant.finished")

    async def rollback(self, transaction_id: UUID) -> None:
        """Also one that is just being prepared. Raises Problem: 404 when there is none (rolling back twice is that,
        too, and harmless), 409 when it was committed, 503 when somebody else is at it just now."""
        crash_point("2pc.participant.finishing")
        if transaction_id in self._preparing:
            self._unwanted.add(transaction_id)
            return
        if not await self._finish("ROLLBACK", transaction_id):
            committed = await self._was_committed(transaction_id)
            raise (problems.committed_already if committed else problems.unknown_transaction)(transaction_id)
        crash_point("2pc.participant.finished")

    async def in_doubt(self) -> list[InDoubt]:
        """What is prepared in this service's database, whoever of its replicas did it, oldest first."""
        async with self._apart() as connection:
            rows = await connection.raw.fetch(_PREPARED, self._prefix)
        found = [InDoubt(UUID(row["gid"][len(self._prefix) :]), row["age"]) for row in rows]
        self._prepared = {one.transaction_id for one in found}
        telemetry.IN_DOUBT.set(len(found))
        telemetry.OLDEST.set(max((one.age for one in found), default=0.0))
        return found

    async def forget(self, before: datetime) -> int:
        """Drops what is remembered of transactions committed before; how many it were. A commit that is asked for a
        second time after that would look impossible."""
        async with self._apart() as connection:
            return await connection.execute(_FORGET, before=before)

    def _admit(self, transaction_id: UUID) -> None:
        if transaction_id in self._preparing or transaction_id in self._prepared:
            raise problems.voted_already(transaction_id)
        if len(self._preparing) + len(self._prepared) >= self._limit:
            telemetry.REFUSED.labels("admission").inc()
            raise problems.too_many(self._limit)

    @asynccontextmanager
    async def _guarded(self, end: str, transaction_id: UUID | None = None) -> AsyncIterator[Connection]:
        """A transaction with a bound on waiting for locks, ended by the statement ``end``."""
        milliseconds = max(round(self._lock_timeout_seconds * 1000), 1)
        what = "transaction" if transaction_id is None else "transaction, then PREPARE TRANSACTION"
        try:
            with spans.transaction(what):
                async with self._database.connection() as connection:
                    raw = connection.raw
                    await raw.execute(f"BEGIN; SET LOCAL lock_timeout = {milliseconds}")
                    try:
                        yield connection
                        if transaction_id is not None:
                            await self._remember(connection, transaction_id)
                        await raw.execute(end)
                    except BaseException:
                        await _roll_back(raw)
                        raise
        except asyncpg.LockNotAvailableError as error:
            if transaction_id is not None and await self._is_prepared(transaction_id):
                raise problems.voted_already(transaction_id) from error
            telemetry.REFUSED.labels("lock").inc()
            raise problems.locked(self._lock_timeout_seconds) from error
        except asyncpg.DuplicateObjectError as error:
            assert transaction_id is not None
            raise problems.voted_already(transaction_id) from error
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise problems.no_places_at_all() from error
        except asyncpg.InsufficientResourcesError as error:
            telemetry.REFUSED.labels("admission").inc()
            raise problems.too_many(self._limit) from error

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[Connection]:
        """A connection that nobody who waits for a lock can hold."""
        await self._finishing.open()
        async with self._finishing.connection() as connection:
            yield connection

    async def _remember(self, connection: Connection, transaction_id: UUID) -> None:
        if not await connection.execute(_REMEMBER, transaction_id=transaction_id):
            raise problems.voted_already(transaction_id)
        if transaction_id in self._unwanted:
            raise problems.rolled_back_meanwhile(transaction_id)

    async def _finish(self, how: str, transaction_id: UUID) -> bool:
        """Whether there was such a prepared transaction; it is finished then, and the disk has it."""
        try:
            with spans.transaction(f"{how} PREPARED"):
                async with self._apart() as connection:
                    await connection.raw.execute(f"{how} PREPARED '{self.gid(transaction_id)}'")
        except asyncpg.UndefinedObjectError:
            return False
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise problems.being_finished(transaction_id) from error
        finally:
            self._prepared.discard(transaction_id)
        telemetry.FINISHED.labels(how.lower()).inc()
        return True

    async def _was_committed(self, transaction_id: UUID) -> bool:
        async with self._apart() as connection:
            return bool(await connection.fetch_value(_COMMITTED, transaction_id=transaction_id))

    async def _is_prepared(self, transaction_id: UUID) -> bool:
        return transaction_id in {one.transaction_id for one in await self.in_doubt()}


async def _roll_back(raw: Any) -> None:
    if not raw.is_closed() and raw.is_in_transaction():
        await raw.execute("ROLLBACK")
