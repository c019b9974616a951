"""The coordinator's log: one row a transaction that has begun and is not closed yet.

What is written here before a participant is told is what a recovery goes by. A transaction that has ended as decided
leaves no row behind; one that ended otherwise (a heuristic outcome) leaves its row for people to read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)

from kit.database import Connection, Query, Row, array, bulk_insert, columns_of

metadata = MetaData()


class Phase(StrEnum):
    """``TRYING``: nothing is decided, which after a crash means: cancel. ``COMPENSATING``: a participant has not done
    what was decided, and the whole order is being undone. ``HEURISTIC``: closed, but not as it was decided."""

    TRYING = "trying"
    CONFIRMING = "confirming"
    CANCELLING = "cancelling"
    COMPENSATING = "compensating"
    HEURISTIC = "heuristic"


transactions = Table(
    "tcc_transactions",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("phase", Text, nullable=False),
    Column("reason", Text),
    Column("heuristic", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        "phase IN ('trying', 'confirming', 'cancelling', 'compensating', 'heuristic')",
        name="tcc_transactions_phase_known",
    ),
    CheckConstraint("heuristic IN ('mixed', 'rollback', 'hazard')", name="tcc_transactions_heuristic_known"),
    CheckConstraint(
        "(phase IN ('compensating', 'heuristic')) = (heuristic IS NOT NULL)", name="tcc_transactions_heuristic_told"
    ),
    # Few rows, each written three times within milliseconds and then gone.
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
)
"""``reason``: why it is cancelled or compensated. ``heuristic``: in the words of X/Open, how participants differed from
the decision. ``due_at``: when a sweep takes it up, unless whoever began it has closed it by then."""


@dataclass(frozen=True, slots=True)
class Logged:
    order_id: UUID
    phase: Phase
    reason: str | None
    heuristic: str | None


async def begin(connection: Connection, order_ids: Iterable[UUID], *, at: datetime, due_at: datetime) -> None:
    rows = [(order_id, Phase.TRYING, at, due_at) for order_id in order_ids]
    await connection.execute(_BEGIN, **columns_of(_BEGUN, rows))


async def decide(
    connection: Connection, decisions: Sequence[tuple[UUID, Phase, str | None]], *, due_at: datetime
) -> set[UUID]:
    """Writes decisions (order, confirming or cancelling, reason) where nothing was decided yet; those it has written.
    The others were decided by somebody else: a customer who cancels, or a sweep."""
    columns = columns_of(("new_order_id", "new_phase", "new_reason"), sorted(decisions, key=lambda one: one[0]))
    return {row["order_id"] for row in await connection.fetch(_DECIDE, **columns, due_at=due_at)}


async def compensate(connection: Connection, order_id: UUID, heuristic: str, reason: str, *, due_at: datetime) -> bool:
    """A participant has not done what was decided: from now on the whole order is undone. False when the transaction
    is closed, or being compensated, already."""
    written = await connection.execute(
        _COMPENSATE, order_id=order_id, heuristic=heuristic, reason=reason, due_at=due_at
    )
    return written == 1


async def close(connection: Connection, order_ids: Iterable[UUID]) -> None:
    """They have ended. Those that were compensated stay as what they are; of the others nothing is left."""
    ids = list(order_ids)
    await connection.execute(_KEEP, ids=ids)
    await connection.execute(_CLOSE, ids=ids)


async def find(connection: Connection, order_id: UUID, *, lock: bool = False) -> Logged | None:
    """The transaction if it is open."""
    row = await connection.fetch_one(_FIND_LOCKED if lock else _FIND, order_id=order_id)
    return None if row is None else _logged(row)


async def take_up(connection: Connection, *, now: datetime, due_at: datetime, limit: int) -> list[Logged]:
    """Open transactions that are due; nobody else takes them up before ``due_at``."""
    return [_logged(row) for row in await connection.fetch(_TAKE_UP, now=now, due_at=due_at, limit=limit)]


async def hurry(connection: Connection, *, now: datetime) -> None:
    """Every open transaction in which something is decided is due now."""
    await connection.execute(_HURRY, now=now)


def _logged(row: Row) -> Logged:
    return Logged(row["order_id"], Phase(row["phase"]), row["reason"], row["heuristic"])


def _time(name: str) -> object:
    return bindparam(name, type_=DateTime(timezone=True))


_BEGUN = ("order_id", "phase", "begun_at", "due_at")
_BEGIN = Query(bulk_insert(transactions, *_BEGUN))
_DECIDED = ("order_id", "phase", "reason")
_new = func.unnest(*(array(f"new_{name}", transactions.c[name]) for name in _DECIDED)).table_valued(*_DECIDED)
_new = _new.render_derived("new")
_DECIDE = Query(
    update(transactions)
    .where(transactions.c.order_id == _new.c.order_id, transactions.c.phase == literal_column("'trying'"))
    .values(phase=_new.c.phase, reason=_new.c.reason, due_at=_time("due_at"))
    .returning(transactions.c.order_id)
)
_COMPENSATE = Query(
    update(transactions)
    .where(transactions.c.order_id == bindparam("order_id", type_=Uuid))
    .where(transactions.c.phase.in_([literal_column("'confirming'"), literal_column("'cancelling'")]))
    .values(phase=literal_column("'compensating'"), due_at=_time("due_at"))
    .values(heuristic=bindparam("heuristic", type_=Text), reason=bindparam("reason", type_=Text))
)
_ids = transactions.c.order_id == any_(array("ids", transactions.c.order_id))
_KEEP = Query(
    update(transactions)
    .where(_ids, transactions.c.phase == literal_column("'compensating'"))
    .values(phase=literal_column("'heuristic'"))
)
_CLOSE = Query(delete(transactions).where(_ids, transactions.c.phase != literal_column("'heuristic'")))
_is_open = transactions.c.phase != literal_column("'heuristic'")
_find = select(transactions).where(transactions.c.order_id == bindparam("order_id", type_=Uuid), _is_open)
_FIND, _FIND_LOCKED = Query(_find), Query(_find.with_for_update())
_due = (
    select(transactions.c.order_id)
    .where(_is_open, transactions.c.due_at <= _time("now"))
    .order_by(transactions.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_HURRY = Query(
    update(transactions)
    .where(_is_open, transactions.c.phase != literal_column("'trying'"), transactions.c.due_at > _time("now"))
    .values(due_at=_time("now"))
)
_TAKE_UP = Query(
    update(transactions)
    .where(transactions.c.order_id.in_(_due))
    .values(due_at=_time("due_at"), attempts=transactions.c.attempts + 1)
    .returning(transactions)
)
