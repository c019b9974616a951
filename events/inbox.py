"""Which events a consumer has handled, so that one that was published twice has its effect once.

The position already guards against reading a record twice; the inbox guards against two records that are the same
event (a relay that crashed between Kafka's acknowledgement and its DELETE). Entries are pruned by age.
"""

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from events.arrivals import Identity
from events.positions import MOVE, Move, PositionMoved, move_parameters
from events.tables import inbox, positions
from kit.database import Connection, Query, array

_entries = sa.select(
    sa.bindparam("consumer", type_=sa.Text).label("consumer"),
    sa.func.unnest(array("sources", inbox.c.source)).label("source"),
    sa.func.unnest(array("event_ids", inbox.c.event_id)).label("event_id"),
)
_moved = MOVE.returning(positions.c.partition).cte("moved")
_fresh = (
    insert(inbox)
    .from_select(["consumer", "source", "event_id"], _entries)
    .on_conflict_do_nothing()
    .returning(inbox.c.source, inbox.c.event_id)
    .cte("fresh")
)


def _sorted(column: sa.ColumnElement[str]) -> sa.ScalarSelect[Sequence[str]]:
    order = aggregate_order_by(column, _fresh.c.source, _fresh.c.event_id)
    return sa.select(sa.func.array_agg(order)).scalar_subquery()


_how_many = sa.select(sa.func.count()).select_from(_fresh).scalar_subquery()
_not_all = _how_many < sa.func.cardinality(array("event_ids", inbox.c.event_id))
_CLAIM = Query(
    sa.select(
        sa.select(sa.func.count()).select_from(_moved).scalar_subquery().label("moved"),
        _not_all.label("not_all"),
        sa.case((_not_all, _sorted(_fresh.c.source))).label("sources"),
        sa.case((_not_all, _sorted(_fresh.c.event_id))).label("event_ids"),
    )
)


class Inbox:
    """The inbox of one consumer. Runs on the caller's connection: the claim stands or falls with its transaction."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer

    async def claim(
        self, connection: Connection, moves: Collection[Move], identities: Iterable[Identity]
    ) -> set[Identity]:
        """Moves the positions and enters the events, in one statement; the events that were not there before.

        Raises PositionMoved when a position is not where it was expected. Waits for a concurrent claim of the same
        event to commit or roll back. Keys are entered in order, so two claims cannot deadlock on them.
        """
        claimed = sorted(set(identities))
        row = await connection.fetch_one(
            _CLAIM,
            **move_parameters(self.consumer, moves),
            sources=[identity.source for identity in claimed],
            event_ids=[identity.event_id for identity in claimed],
        )
        assert row is not None
        if row["moved"] != len(moves):
            raise PositionMoved(f"{len(moves) - row['moved']} of {len(moves)} positions were moved by others")
        if not row["not_all"]:
            return set(claimed)
        return set(map(Identity, row["sources"] or (), row["event_ids"] or ()))
