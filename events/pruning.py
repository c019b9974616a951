"""Takes old bookkeeping away, a bounded piece at a time."""

import asyncio
import random
from datetime import timedelta

import sqlalchemy as sa
import structlog

from events import telemetry
from events.failures import is_transient
from events.tables import inbox
from kit.database import Database, Query

log = structlog.get_logger()

_old = inbox.alias("old")
_OLDEST = (
    sa.select(sa.literal_column("old.ctid"))
    .select_from(_old)
    .where(_old.c.handled_at < sa.func.now() - sa.bindparam("age", type_=sa.Interval))
    .limit(sa.bindparam("batch", type_=sa.BigInteger))
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_PRUNE_INBOX = Query(sa.delete(inbox).where(sa.literal_column("inbox.ctid") == sa.any_(sa.func.array(_OLDEST))))


class Pruner:
    """Forgets inbox entries after ``keep`` (30 days), which must be longer than an event can wait in an outbox before
    it is published, and than a dead letter may wait to be handled again (docs/delivery-guarantees.md).

    At most ``batch`` rows a transaction with a breath between, so that nobody waits long for it; replicas may prune at
    the same time: they skip each other's rows.
    """

    def __init__(
        self,
        database: Database,
        *,
        keep: timedelta = timedelta(days=30),
        every: timedelta = timedelta(hours=1),
        batch: int = 5000,
    ) -> None:
        self._database = database
        self._keep = keep
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        """Prunes about every ``every``, until cancelled. A database that is away is left in peace until next time."""
        while True:
            await asyncio.sleep(self._every.total_seconds() * random.uniform(0.5, 1.5))
            try:
                await self.prune()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("the inbox was not pruned", error=repr(error))

    async def prune(self) -> int:
        """Forgets everything that is old enough now; how many entries that were."""
        total = 0
        while True:
            async with self._database.transaction() as connection:
                pruned = await connection.execute(_PRUNE_INBOX, age=self._keep, batch=self._batch)
            total += pruned
            telemetry.PRUNED.labels("inbox").inc(pruned)
            if pruned < self._batch:
                return total
            await asyncio.sleep(0.05)
