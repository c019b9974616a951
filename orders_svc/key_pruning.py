"""Idempotency keys are forgotten after 24 h."""

from datetime import UTC, datetime

from kit.database import Database
from kit.periodic import every
from orders_svc import store


class KeyPruning:
    """Deletes old keys, ``at_a_time`` a transaction, so that it never holds up those who order."""

    def __init__(self, database: Database, *, at_a_time: int = 1000) -> None:
        self._database = database
        self._at_a_time = at_a_time

    async def run(self) -> None:
        await every(60.0, self.prune)

    async def prune(self) -> None:
        """Deletes every key that is too old now."""
        before = datetime.now(UTC) - store.KEYS_LIVE
        count = self._at_a_time
        while count == self._at_a_time:
            async with self._database.transaction() as connection:
                count = await store.prune_keys(connection, before=before, limit=self._at_a_time)
