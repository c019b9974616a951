"""Two-phase commit over three databases, as its coordinator.

Phase one: everybody prepares, orders its own part first, the others at the same time. Phase two begins when the
decision to commit is on disk: everybody commits, all at the same time. Between its vote and the outcome a participant
holds its locks and may do nothing about it: that is what the protocol costs. It never mixes outcomes by itself; what it
cannot prevent is that somebody reads one database before and another after its commit, or finishes one by hand.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from prometheus_client import Counter

from calls.client import Caller, Peer, PeerError, PeerRefused
from kit.crash import crash_point
from kit.database import Connection, is_transient
from kit.periodic import every
from kit.problems import Problem
from kit.two_phase import PreparedTransactions, problems, telemetry
from kit.two_phase.routes import PREFIX
from orders_svc.two_phase.decision_log import DecisionLog

log = structlog.get_logger()

CRASH_POINTS = (
    "2pc.coordinator.begun",
    "2pc.coordinator.prepared",
    "2pc.coordinator.voted-once",
    "2pc.coordinator.voted",
    "2pc.coordinator.decided",
    "2pc.coordinator.committed-once",
    "2pc.coordinator.committed",
    "2pc.coordinator.aborting",
)
"""Before anything; its own part is prepared; the first other vote is there; all are; the decision is on disk; the first
other has committed; all have, and the log does not know; a vote was no, and nobody was told."""

DECISIONS = Counter("two_phase_decisions_total", "Transactions decided by this coordinator", ["decision"])
HEURISTIC = Counter(
    "two_phase_heuristic_total", "Commits that could not be carried out: somebody had finished them by hand", ["where"]
)
R = TypeVar("R")
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Something that is to be done about one order in all three databases."""

    id: UUID
    order_id: UUID
    caller: Caller


class Coordinator:
    """Carries transactions through both phases. ``own`` is orders' part as a participant; ``peers`` are the others.

    At most ``limit`` at a time; one more waits for ``patience_seconds``, then it is refused (503): each needs a place
    for a prepared transaction in all three databases, and these are limited for the whole server.
    """

    def __init__(
        self,
        own: PreparedTransactions,
        decisions: DecisionLog,
        peers: Mapping[str, Peer],
        *,
        limit: int,
        patience_seconds: float,
    ) -> None:
        self._own = own
        self._log = decisions
        self._peers = peers
        self._limit = limit
        self._patience_seconds = patience_seconds
        self._places = asyncio.Semaphore(limit)
        self._active: set[UUID] = set()

    async def transact(
        self,
        transaction: Transaction,
        own: Callable[[Connection], Awaitable[R]],
        votes: Callable[[R], Mapping[str, tuple[str, Mapping[str, Any]]]],
    ) -> R:
        """``own`` does orders' part; ``votes`` says, from what that returned, the route and the body of each other
        participant's first phase.

        What ``own`` returned, once the transaction is decided to be committed; whoever could not be reached for phase
        two commits later. Otherwise nothing was done anywhere, and this raises: what ``own`` raised; PeerError for a
        vote that was no or did not come; Problem (503) when there is no place, a row stays locked, or nobody can say
        yet how it ends.
        """
        async with self._place():
            self._active.add(transaction.id)
            try:
                crash_point("2pc.coordinator.begun")
                async with self._own.prepare(transaction.id) as connection:
                    result = await own(connection)
                crash_point("2pc.coordinator.prepared")
                await self._collect(transaction, votes(result))
                await self._decide(transaction)
                await self.finish(transaction.id, transaction.caller)
            finally:
                self._active.discard(transaction.id)
        return result

    async def finish(self, transaction_id: UUID, caller: Caller | None = None) -> None:
        """Phase two, for a transaction that was decided to be committed. Who does not answer is left to ``resume``,
        which does not know the caller (and its trace) any more."""

        async def commit(peer: Peer) -> bool | None:
            done = await _commit_at(peer, transaction_id, caller)
            if done:
                crash_point("2pc.coordinator.committed-once")
            return done

        names = ("orders", *self._peers)
        outcomes = await asyncio.gather(self._commit_own(transaction_id), *map(commit, self._peers.values()))
        impossible = [name for name, done in zip(names, outcomes, strict=True) if done is False]
        crash_point("2pc.coordinator.committed")
        try:
            if all(outcomes):
                await self._log.finished(transaction_id)
            elif impossible and None not in outcomes:
                for name in impossible:
                    HEURISTIC.labels(name).inc()
                log.error("a decided commit is impossible", transaction=str(transaction_id), at=", ".join(impossible))
                await self._log.impossible(transaction_id, impossible)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("the log cannot be reached; phase two is repeated later", error=str(error))

    async def run(self) -> None:
        """Carries out what was decided and not finished, at the start (after a crash) and every second."""
        await every(1.0, self.resume)

    async def resume(self) -> None:
        left = [one for one in await self._log.open() if one.transaction_id not in self._active]
        await asyncio.gather(*(self.finish(one.transaction_id) for one in left))
        await self._log.prune(datetime.now(UTC) - _KEPT)

    async def _collect(self, transaction: Transaction, votes: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Returns when every vote is yes; else rolls back, and raises the refusal, or what was wrong with a link."""

        async def ask(name: str, path: str, body: Mapping[str, Any]) -> PeerError | None:
            try:
                wish = {"transactionId": str(transaction.id), **body}
                await self._peers[name].post(PREFIX + path, wish, caller=transaction.caller)
            except PeerError as error:
                return error
            crash_point("2pc.coordinator.voted-once")
            return None

        answers = await asyncio.gather(*(ask(name, path, body) for name, (path, body) in votes.items()))
        failures = [answer for answer in answers if answer is not None]
        if failures:
            await self._abort(transaction)
            raise next((failure for failure in failures if isinstance(failure, PeerRefused)), failures[0])
        crash_point("2pc.coordinator.voted")

    async def _decide(self, transaction: Transaction) -> None:
        try:
            commit = await self._log.commit(transaction.id, transaction.order_id)
        except Exception as error:
            if not is_transient(error):
                raise
            raise _nobody_knows(transaction) from error
        if not commit:
            await self._abort(transaction)
            raise _took_too_long(transaction)
        DECISIONS.labels("commit").inc()
        crash_point("2pc.coordinator.decided")

    async def _abort(self, transaction: Transaction) -> None:
        """Whoever is not reached asks by itself, and is told the same: what is not in the log was aborted."""
        DECISIONS.labels("abort").inc()
        crash_point("2pc.coordinator.aborting")

        async def roll_back(peer: Peer) -> None:
            try:
                await peer.post(f"{PREFIX}/{transaction.id}/rollback", caller=transaction.caller)
            except PeerError as error:
                if not isinstance(error, PeerRefused):  # refused: it had not prepared, or has rolled back by itself
                    log.warning("rolling back is left to the participant", reason=str(error))

        await asyncio.gather(self._roll_back_own(transaction.id), *map(roll_back, self._peers.values()))

    async def _roll_back_own(self, transaction_id: UUID) -> None:
        try:
            await self._own.rollback(transaction_id)
        except Exception as error:
            if not isinstance(error, Problem) and not is_transient(error):
                raise
            log.warning("rolling back orders' own part is left to recovery", reason=str(error))

    async def _commit_own(self, transaction_id: UUID) -> bool | None:
        try:
            await self._own.commit(transaction_id)
        except Exception as error:
            if isinstance(error, Problem):
                return None if error.status == 503 else False
            if not is_transient(error):
                raise
            return None
        return True

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._places.acquire()
        except TimeoutError:
            telemetry.REFUSED.labels("admission").inc()
            raise problems.too_many(self._limit) from None
        try:
            yield
        finally:
            self._places.release()


async def _commit_at(peer: Peer, transaction_id: UUID, caller: Caller | None) -> bool | None:
    """True: committed. False: it says that it cannot. None: nobody knows yet."""
    try:
        await peer.post(f"{PREFIX}/{transaction_id}/commit", caller=caller)
    except PeerRefused as error:
        return False if error.kind == "unknown-transaction" else None
    except PeerError:
        return None
    return True


def _nobody_knows(transaction: Transaction) -> Problem:
    return Problem(
        503,
        "in-doubt",
        "The order is in doubt",
        "the decision could not be written; when the database is back the log says how it ended",
        headers={"Retry-After": "1", "Location": f"/orders/{transaction.order_id}"},
        orderId=str(transaction.order_id),
    )


def _took_too_long(transaction: Transaction) -> Problem:
    detail = "a participant asked before all votes were there, and was told to abort; nothing was done"
    return Problem(503, "aborted", "The transaction took too long", detail, headers={"Retry-After": "1"})
