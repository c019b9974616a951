"""One participant's states, each on disk before anybody is told.

Nothing is locked between the phases: what was promised is held by rows of the service's own tables (``Effects``).
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Float, MetaData, Text, bindparam, extract, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from kit.crash import crash_point
from kit.database import Connection, Query
from kit.problems import Problem
from kit.three_phase import problems
from kit.three_phase.states import FINAL, State, when_asked
from kit.three_phase.tables import declare

CRASH_POINTS = (
    "3pc.participant.ready",
    "3pc.participant.pre-committing",
    "3pc.participant.pre-committed",
    "3pc.participant.committing",
    "3pc.participant.committed",
)
"""The vote is on disk and was not sent; pre-commit was heard and is not on disk; is on disk and was not acknowledged;
the same two for commit."""

ENDED = Counter("three_phase_ended_total", "Transactions ended here, by outcome and by who decided", ["state", "by"])

_table = declare(MetaData())
_id = bindparam("order_id", type_=_table.c.order_id.type)
_state = bindparam("new_state", type_=Text)
_by = bindparam("by", type_=Text)
_INSERT = Query(insert(_table).values(order_id=_id, state=_state, decided_by=_by).on_conflict_do_nothing())
_LOCK = Query(select(_table.c.state).where(_table.c.order_id == _id).with_for_update())
_STATE = Query(select(_table.c.state).where(_table.c.order_id == _id))
_MOVE = Query(
    update(_table).where(_table.c.order_id == _id).values(state=_state, decided_by=_by, changed_at=func.now())
)
_age = extract("epoch", func.clock_timestamp() - _table.c.changed_at)
_UNDECIDED = Query(
    select(_table.c.order_id, _table.c.state)
    .where(_table.c.state.in_([literal_column("'ready'"), literal_column("'pre_committed'")]))
    .where(_age > bindparam("seconds", type_=Float))
    .order_by(_table.c.changed_at)
    .limit(200)
)


class Effects(Protocol):
    """What a transaction means to the service; both are called in the transaction that changes the state."""

    async def commit(self, connection: Connection, order_id: UUID) -> None:
        """Carries out what was promised."""
        ...

    async def abort(self, connection: Connection, order_id: UUID) -> None:
        """Gives back what was held for it; there may be nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Undecided:
    """``met``: it came to this state in this very process. A process that found it on disk has been away, and does not
    know what the others did meanwhile."""

    order_id: UUID
    state: State
    met: bool


class Participant:
    """``begin`` opens a transaction in the service's database."""

    def __init__(self, begin: Callable[[], AbstractAsyncContextManager[Connection]], effects: Effects) -> None:
        self._begin = begin
        self._effects = effects
        self._met: set[UUID] = set()

    async def can_commit(self, order_id: UUID, hold: Callable[[Connection], Awaitable[None]]) -> State:
        """Votes yes when ``hold`` could set everything aside. Raises Problem: what ``hold`` raised (that is the vote
        no, and final, unless it is a 5xx), 409 when there was a vote before."""
        try:
            async with self._begin() as connection:
                await self._new(connection, order_id, State.READY, None)
                await hold(connection)
        except Problem as problem:
            if problem.status < 500 and problem.kind != "voted-already":
                await self._refuse(order_id)
            raise
        self._met.add(order_id)
        crash_point("3pc.participant.ready")
        return State.READY

    async def pre_commit(self, order_id: UUID) -> State:
        """Its state now: pre-committed, or committed if it got there by itself. Raises Problem: 404, 409."""
        crash_point("3pc.participant.pre-committing")
        async with self._begin() as connection:
            state = await self._locked(connection, order_id)
            if state is State.ABORTED:
                raise problems.out_of_turn(order_id, state, State.PRE_COMMITTED)
            if state is State.READY:
                state = State.PRE_COMMITTED
                await connection.execute(_MOVE, order_id=order_id, new_state=state, by=None)
        self._met.add(order_id)
        crash_point("3pc.participant.pre-committed")
        return state

    async def commit(self, order_id: UUID) -> State:
        """Repeating it changes nothing. Raises Problem: 404; 409 when it is not pre-committed."""
        crash_point("3pc.participant.committing")
        state = await self._end(order_id, State.COMMITTED, "coordinator", State.PRE_COMMITTED)
        crash_point("3pc.participant.committed")
        return state

    async def abort(self, order_id: UUID) -> State:
        """Repeating it changes nothing. Raises Problem: 404; 409 when it is committed."""
        return await self._end(order_id, State.ABORTED, "coordinator", State.READY, State.PRE_COMMITTED)

    async def asked(self, order_id: UUID, asker: State) -> State:
        """Its state now, after another participant in state ``asker`` has asked for it; see ``when_asked``."""
        async with self._begin() as connection:
            row = await connection.fetch_one(_LOCK, order_id=order_id)
            own = None if row is None else State(row["state"])
            state = when_asked(own, asker)
            if own is None:
                await self._new(connection, order_id, state, "termination")
            elif state is not own:
                await self._move(connection, order_id, state, "termination")
                self._met.add(order_id)
        return state

    async def decide(self, order_id: UUID, before: State, state: State) -> bool:
        """Ends a transaction by this participant's own decision; False when it is not in state ``before`` any more."""
        async with self._begin() as connection:
            if await self._locked(connection, order_id) is not before:
                return False
            await self._move(connection, order_id, state, "termination")
        return True

    async def state(self, order_id: UUID) -> State:
        """Raises Problem (404)."""
        async with self._begin() as connection:
            state = await connection.fetch_value(_STATE, order_id=order_id)
        if state is None:
            raise problems.unknown_transaction(order_id)
        return State(state)

    async def undecided(self, seconds: float) -> Sequence[Undecided]:
        """Up to 200 transactions that have not changed for longer than that, the oldest first."""
        async with self._begin() as connection:
            rows = await connection.fetch(_UNDECIDED, seconds=seconds)
        return [Undecided(row["order_id"], State(row["state"]), row["order_id"] in self._met) for row in rows]

    async def _end(self, order_id: UUID, end: State, by: str, *before: State) -> State:
        async with self._begin() as connection:
            state = await self._locked(connection, order_id)
            if state is not end:
                if state not in before:
                    raise problems.out_of_turn(order_id, state, end)
                await self._move(connection, order_id, end, by)
        return end

    async def _move(self, connection: Connection, order_id: UUID, state: State, by: str) -> None:
        if state is State.COMMITTED:
            await self._effects.commit(connection, order_id)
        elif state is State.ABORTED:
            await self._effects.abort(connection, order_id)
        final = state in FINAL
        await connection.execute(_MOVE, order_id=order_id, new_state=state, by=by if final else None)
        if final:
            self._met.discard(order_id)
            ENDED.labels(state, by).inc()

    async def _new(self, connection: Connection, order_id: UUID, state: State, by: str | None) -> None:
        if not await connection.execute(_INSERT, order_id=order_id, new_state=state, by=by):
            raise problems.voted_already(order_id, await self._locked(connection, order_id))

    async def _refuse(self, order_id: UUID) -> None:
        """Writes the vote no down, for whoever asks."""
        async with self._begin() as connection:
            await connection.execute(_INSERT, order_id=order_id, new_state=State.ABORTED, by="vote")
        ENDED.labels(State.ABORTED, "vote").inc()

    async def _locked(self, connection: Connection, order_id: UUID) -> State:
        row = await connection.fetch_one(_LOCK, order_id=order_id)
        if row is None:
            raise problems.unknown_transaction(order_id)
        return State(row["state"])
