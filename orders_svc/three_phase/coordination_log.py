"""The coordinator's states, each in one transaction with what it means for the order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    extract,
    func,
    select,
    update,
)

from kit.database import Connection, Database, Query, array, bulk_insert, columns_of
from kit.grouping import Grouping
from kit.three_phase import State
from orders_svc import store
from orders_svc.domain import Order
from orders_svc.store import metadata

coordination = Table(
    "three_phase_coordination",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("contradicted_by", Text),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint(
        "state IN ('begun', 'pre_committing', 'committed', 'aborted')", name="three_phase_coordination_state_known"
    ),
)
"""Transactions that are under way, or whose end not everybody knows yet. ``contradicted_by``: who has ended it the
other way, which nothing can repair."""

BEGUN, PRE_COMMITTING = "begun", "pre_committing"
_COLUMNS = ("order_id", "state")
_ids = array("ids", coordination.c.order_id)
_INSERT = Query(bulk_insert(coordination, *_COLUMNS))
_STATE = Query(select(coordination.c.state).where(coordination.c.order_id == bindparam("id", type_=Uuid)))
_MOVE = Query(
    update(coordination)
    .where(coordination.c.order_id == any_(_ids))
    .where(coordination.c.state == any_(array("before", coordination.c.state)))
    .values(state=bindparam("new_state", type_=Text), changed_at=func.now())
    .returning(coordination.c.order_id)
)
_age = extract("epoch", func.clock_timestamp() - coordination.c.changed_at)
_OPEN = Query(
    select(coordination.c.order_id, coordination.c.state, _age.label("age"))
    .where(coordination.c.contradicted_by.is_(None), _age > bindparam("seconds", type_=Float))
    .order_by(coordination.c.changed_at)
    .limit(200)
)
_TOLD = Query(delete(coordination).where(coordination.c.order_id == any_(_ids)))
_CONTRADICTED = Query(
    update(coordination)
    .where(coordination.c.order_id == bindparam("id", type_=Uuid))
    .values(contradicted_by=bindparam("who", type_=Text))
)


@dataclass(frozen=True, slots=True)
class Open:
    """``age`` in seconds since its last change."""

    order_id: UUID
    state: str
    age: float


@dataclass(frozen=True, slots=True)
class _Ending:
    order_id: UUID
    state: State
    reason: str


class CoordinationLog:
    """Changes that wait at the same moment go into one transaction; nobody goes on before it is on disk. ``changed`` is
    called with the orders that were changed, after that."""

    def __init__(self, database: Database, *, changed: Callable[[Iterable[Order]], None]) -> None:
        self._database = database
        self._changed = changed
        self._pre_commits: Grouping[UUID, bool] = Grouping(self._pre_commit, name="write that all votes were yes")
        self._endings: Grouping[_Ending, Order | None] = Grouping(
            self._end, name="write the decision, settle the order"
        )
        self._all_told: Grouping[UUID, None] = Grouping(self._forget, name="note that all were told")

    @staticmethod
    async def begin(connection: Connection, order_ids: Iterable[UUID]) -> None:
        """In the transaction that inserts the pending orders."""
        await connection.execute(_INSERT, **columns_of(_COLUMNS, [(one, BEGUN) for one in order_ids]))

    async def pre_committing(self, order_id: UUID) -> bool:
        """All votes were yes. False when it was decided meanwhile."""
        return await self._pre_commits.do(order_id)

    async def end(self, order_id: UUID, state: State, reason: str = "") -> Order | None:
        """Decides: the order is confirmed (committed) or rejected for ``reason`` (aborted), unless it is being
        cancelled. None when it was decided before."""
        return await self._endings.do(_Ending(order_id, state, reason))

    async def told(self, order_id: UUID) -> None:
        """Everybody knows its end: nobody will ask any more."""
        await self._all_told.do(order_id)

    async def contradicted(self, order_id: UUID, who: Sequence[str]) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_CONTRADICTED, id=order_id, who=", ".join(sorted(who)))

    async def state(self, order_id: UUID) -> str | None:
        async with self._database.connection() as connection:
            value: str | None = await connection.fetch_value(_STATE, id=order_id)
        return value

    async def open(self, seconds: float) -> list[Open]:
        """Up to 200 that have not changed for longer than that, the oldest first; contradicted ones are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_OPEN, seconds=seconds)
        return [Open(row["order_id"], row["state"], float(row["age"])) for row in rows]

    async def _pre_commit(self, ids: Sequence[UUID]) -> list[bool]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_MOVE, ids=sorted(ids), before=[BEGUN], new_state=PRE_COMMITTING)
        moved = {row["order_id"] for row in rows}
        return [one in moved for one in ids]

    async def _end(self, endings: Sequence[_Ending]) -> list[Order | None]:
        at = datetime.now(UTC)
        ended: dict[UUID, Order] = {}
        async with self._database.transaction() as connection:
            orders = await store.load(connection, [one.order_id for one in endings], lock=True)
            for state in (State.COMMITTED, State.ABORTED):
                ids = [one.order_id for one in endings if one.state is state]
                if ids:
                    rows = await connection.fetch(_MOVE, ids=ids, before=[BEGUN, PRE_COMMITTING], new_state=state.value)
                    ended |= {row["order_id"]: orders[row["order_id"]] for row in rows}
            for one in endings:
                order = ended.get(one.order_id)
                if order is not None and one.state is State.COMMITTED:
                    order.confirm(at=at)
                elif order is not None:
                    order.reject(one.reason, at=at)
            await store.save(connection, [order for order in ended.values() if order.events])
        self._changed(ended.values())
        return [ended.get(one.order_id) for one in endings]

    async def _forget(self, ids: Sequence[UUID]) -> list[None]:
        async with self._database.connection() as connection:
            await connection.execute(_TOLD, ids=list(ids))
        return [None] * len(ids)
