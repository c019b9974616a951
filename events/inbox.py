"""Which events a consumer has handled, so that one that was published twice has its effect once.

The position already guards against reading a record twice; the inbox guards against two records that are the same
event (a relay that crashed between Kafka's acknowledgement and its DELETE). Entries are pruned by age.
"""

from collections.abc import Iterable

from events.arrivals import Identity
from events.tables import inbox
from kit.database import Connection, Query, bulk_insert, columns_of

_COLUMNS = ("consumer", "source", "event_id")
_CLAIM = Query(bulk_insert(inbox, *_COLUMNS).on_conflict_do_nothing().returning(inbox.c.source, inbox.c.event_id))


class Inbox:
    """The inbox of one consumer. Runs on the caller's connection: the claim stands or falls with its transaction."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer

    async def claim(self, connection: Connection, identities: Iterable[Identity]) -> set[Identity]:
        """Enters the events and returns those that were not there before. Waits for a concurrent claim of the same
        event to commit or roll back. Keys are entered in order, so two claims cannot deadlock."""
        rows = [(self.consumer, *identity) for identity in sorted(set(identities))]
        if not rows:
            return set()
        fresh = await connection.fetch(_CLAIM, **columns_of(_COLUMNS, rows))
        return {Identity(row["source"], row["event_id"]) for row in fresh}
