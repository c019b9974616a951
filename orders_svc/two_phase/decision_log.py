"""The coordinator's log: what was decided about a transaction, once and for good.

Presumed abort: a transaction that is not in the log was aborted, or will be. So only commits have to be written, and
they are forgotten when every participant has carried them out. One kind of abort is written, too: when a participant
asks about a transaction that is not decided yet, the answer "abort" must stay true, also if the coordinator (this
process, or another replica) is just about to commit. Whoever writes first has decided; the key makes that one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from kit.database import Database, Query, array, columns_of
from kit.grouping import Grouping
from orders_svc.store import metadata

decisions = Table(
    "two_phase_decisions",
    metadata,
    Column("transaction_id", Uuid, primary_key=True),
    Column("order_id", Uuid),
    Column("decision", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("impossible_at", Text),
    CheckConstraint("decision IN ('commit', 'abort')", name="two_phase_decisions_known"),
)
"""Commits that not everybody has carried out yet, aborts that somebody was told. ``impossible_at`` names the
participants that could not carry a commit out, because somebody had finished the transaction there by hand."""

_COMMIT_COLUMNS = ("transaction_id", "order_id", "decision")
_rows = select(*(func.unnest(array(name, decisions.c[name])).label(name) for name in _COMMIT_COLUMNS)).where(
    # Forced to disk, whatever the server's or the role's default: the whole protocol stands on this one write.
    func.set_config("synchronous_commit", "on", literal_column("true")) == "on"
)
_DECIDE = Query(
    insert(decisions)
    .from_select(list(_COMMIT_COLUMNS), _rows)
    .on_conflict_do_nothing()
    .returning(decisions.c.transaction_id)
)
_DECISION = Query(select(decisions.c.decision).where(decisions.c.transaction_id == bindparam("id", type_=Uuid)))
_OPEN = Query(
    select(decisions)
    .where(decisions.c.decision == "commit", decisions.c.impossible_at.is_(None))
    .order_by(decisions.c.decided_at)
    .limit(200)
)
_FINISHED = Query(delete(decisions).where(decisions.c.transaction_id == any_(array("ids", decisions.c.transaction_id))))
_IMPOSSIBLE = Query(
    update(decisions)
    .where(decisions.c.transaction_id == bindparam("id", type_=Uuid))
    .values(impossible_at=bindparam("where", type_=Text))
)
_PRUNE = Query(
    delete(decisions).where(
        decisions.c.decision == "abort", decisions.c.decided_at < bindparam("before", type_=DateTime(timezone=True))
    )
)


@dataclass(frozen=True, slots=True)
class Decided:
    """A commit that not everybody is known to have carried out."""

    transaction_id: UUID
    order_id: UUID | None
    decided_at: datetime


class DecisionLog:
    """Decisions that wait at the same moment are forced to disk together; nobody goes on before they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commits: Grouping[tuple[UUID, UUID], bool] = Grouping(self._write, name="write the decision")
        self._endings: Grouping[UUID, None] = Grouping(self._forget, name="note that it is finished")

    async def commit(self, transaction_id: UUID, order_id: UUID) -> bool:
        """Decides to commit. False when it was decided otherwise before: somebody asked, and was told to abort. When
        it raises, nobody knows: the log must be asked again later, and tells."""
        return await self._commits.do((transaction_id, order_id))

    async def asked(self, transaction_id: UUID) -> bool:
        """Whether the transaction is to be committed. If that was not decided yet, it is not, from now on."""
        async with self._database.connection() as connection:
            parameters = columns_of(_COMMIT_COLUMNS, [(transaction_id, None, "abort")])
            await connection.execute(_DECIDE, **parameters)
            return bool(await connection.fetch_value(_DECISION, id=transaction_id) == "commit")

    async def open(self) -> list[Decided]:
        """Up to 200 commits to be carried out, the oldest first; those that are impossible somewhere are left out."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_OPEN)
        return [Decided(row["transaction_id"], row["order_id"], row["decided_at"]) for row in rows]

    async def finished(self, transaction_id: UUID) -> None:
        """Everybody has committed: nobody will ask any more."""
        await self._endings.do(transaction_id)

    async def impossible(self, transaction_id: UUID, where: Sequence[str]) -> None:
        """Some could not commit. It stays in the log for people to see, and is not tried again."""
        async with self._database.connection() as connection:
            await connection.execute(_IMPOSSIBLE, id=transaction_id, where=", ".join(sorted(where)))

    async def prune(self, before: datetime) -> int:
        """Forgets aborts told before: by then there is nobody left who could still commit. How many it were."""
        async with self._database.connection() as connection:
            return await connection.execute(_PRUNE, before=before)

    async def _write(self, commits: Sequence[tuple[UUID, UUID]]) -> list[bool]:
        rows = sorted((transaction_id, order_id, "commit") for transaction_id, order_id in commits)
        async with self._database.connection() as connection:
            written = await connection.fetch(_DECIDE, **columns_of(_COMMIT_COLUMNS, rows))
            won = {row["transaction_id"] for row in written}
            for transaction_id, _ in commits:
                if transaction_id not in won and await connection.fetch_value(_DECISION, id=transaction_id) == "commit":
                    won.add(transaction_id)
        return [transaction_id in won for transaction_id, _ in commits]

    async def _forget(self, ids: Sequence[UUID]) -> list[None]:
        async with self._database.connection() as connection:
            await connection.execute(_FINISHED, ids=list(ids))
        return [None] * len(ids)
