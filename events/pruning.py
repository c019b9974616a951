"""Takes old bookkeeping away, a bounded piece at a time."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from events import telemetry
from events.failures import is_transient
from events.tables import inbox
from kit.database import Database, Query

log = structlog.get_logger()

KEEP = timedelta(days=30)
"""How long the inbox remembers an event, unless a service says otherwise."""
FIRST = timedelta(minutes=1)

_old = inbox.alias("old")
_OLDEST = (
    sa.select(sa.literal_column("old.ctid"))
    .select_from(_old)
    .where(
        _old.c.handled_at >= sa.bindparam("since", type_=_old.c.handled_at.type),
        _old.c.handled_at < sa.func.now() - sa.bindparam("age", type_=sa.Interval),
    )
    .order_by(_old.c.handled_at)
    .limit(sa.bindparam("batch", type_=sa.BigInteger))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_pruned = (
    sa.delete(inbox)
    .where(sa.literal_column("inbox.ctid") == sa.any_(sa.func.array(_OLDEST)))
    .returning(inbox.c.handled_at)
    .cte("pruned")
)
_PRUNE_INBOX = Query(sa.select(sa.func.count().label("number"), sa.func.max(_pruned.c.handled_at).label("reached")))
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Pruner:
    """Forgets inbox entries after ``keep`` (30 days), which must be longer than an event can wait in an outbox before
    it is published. Dead letters may wait for longer than that: they do not need their entry to be handled once.

    At most ``batch`` rows a transaction with a breath between, so that nobody waits long for it. Oldest first, each
    piece from where the last one ended: what is deleted already, and still in the index until vacuum comes, is not
    stepped over again. Replicas may prune at the same time: they skip each other's rows.
    """

    def __init__(
        self,
        database: Database,
        *,
        keep: timedelta = KEEP,
        every: timedelta = timedelta(hours=1),
        batch: int = 5000,
    ) -> None:
        self._database = database
        self._keep = keep
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        """Prunes in a minute or so, then about every ``every``, until cancelled. A database that is away is left in
        peace until next time."""
        pause = min(FIRST, self._every)
        while True:
            await asyncio.sleep(pause.total_seconds() * random.uniform(0.5, 1.5))
            pause = self._every
            try:
                await self.prune()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the inbox was not pruned", error=repr(error))

    async def prune(self) -> int:
        """Forgets everything that is old enough now; how many entries that were."""
        total, since = 0, _BEGINNING
        while True:
            async with self._database.transaction() as connection:
                row = await connection.fetch_one(_PRUNE_INBOX, since=since, age=self._keep, batch=self._batch)
            assert row is not None
            pruned: int = row["number"]
            since = row["reached"]
            total += pruned
            telemetry.PRUNED.labels("inbox").inc(pruned)
            if pruned < self._batch:
                return total
            await asyncio.sleep(0.05)
