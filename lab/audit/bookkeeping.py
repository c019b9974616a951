"""What should have been cleared away: outboxes, prepared transactions; and what was put aside: dead letters."""

from datetime import datetime

from lab.audit.databases import Snapshot, rows
from lab.audit.report import Check

_OUTBOX = """
    SELECT id, topic, convert_from(key, 'UTF8') AS key, recorded_at FROM outbox
    WHERE $1::timestamptz IS NULL OR recorded_at <= $1 ORDER BY id"""
_PREPARED = """
    SELECT gid, owner, prepared FROM pg_prepared_xacts
    WHERE database = current_database() AND ($1::timestamptz IS NULL OR prepared <= $1) ORDER BY prepared"""
_UNDECIDED = """
    SELECT order_id, state, changed_at FROM three_phase_transactions
    WHERE state IN ('ready', 'pre_committed') AND ($1::timestamptz IS NULL OR changed_at <= $1) ORDER BY changed_at"""
_CONTRADICTED = {
    "2pc": """
        SELECT order_id, decision, impossible_at AS who FROM two_phase_decisions
        WHERE impossible_at IS NOT NULL ORDER BY 1""",
    "3pc": """
        SELECT order_id, state AS decision, contradicted_by AS who FROM three_phase_coordination
        WHERE contradicted_by IS NOT NULL ORDER BY 1""",
}
_DEAD = """
    SELECT id, consumer, topic, partition, "offset", error, requeued_at FROM dead_letters
    WHERE discarded_at IS NULL ORDER BY died_at, id"""


async def outboxes_are_empty(at: Snapshot, cut: datetime | None) -> Check:
    """``looked_at`` counts databases."""
    check = Check("outboxes empty")
    for service, connection in at.items():
        check.looked_at += 1
        async for row in rows(connection, _OUTBOX, cut):
            detail = f"{row['topic']} {row['key']}, recorded {row['recorded_at']:%H:%M:%S}"
            check.add(f"{service} outbox {row['id']}", detail)
    return check


async def nothing_is_prepared(at: Snapshot, cut: datetime | None) -> Check:
    check = Check("no transaction left prepared")
    for service, connection in at.items():
        check.looked_at += 1
        async for row in rows(connection, _PREPARED, cut):
            check.add(f"{service} {row['gid']}", f"prepared {row['prepared']:%Y-%m-%d %H:%M:%S} by {row['owner']}")
    return check


async def nothing_is_undecided(at: Snapshot, cut: datetime | None) -> Check:
    """Participants in three-phase commit; the coordinator's undecided orders are pending."""
    check = Check("no transaction left undecided")
    for service, connection in (("products", at.products), ("delivery", at.delivery)):
        check.looked_at += 1
        async for row in rows(connection, _UNDECIDED, cut):
            check.add(f"{service} {row['order_id']}", f"{row['state']} since {row['changed_at']:%Y-%m-%d %H:%M:%S}")
    return check


async def contradicted_decisions(at: Snapshot, wiring: str) -> Check:
    """A notice, not a finding: what the coordinator knows about participants that ended a transaction the other way, by
    hand (2pc) or in a partition (3pc). What that did to the order, the rules about orders find."""
    check = Check("decisions that a participant contradicts", notice=True)
    check.looked_at = await at.orders.fetchval("SELECT count(*) FROM orders")
    async for row in rows(at.orders, _CONTRADICTED[wiring]):
        check.add(str(row["order_id"]), f"{row['decision']}, but not at {row['who']}")
    return check


async def dead_letters(at: Snapshot) -> Check:
    """A notice, not a finding: the event is kept, with its reason, and counts until it was requeued and handled, or
    discarded (``shop dead-letters``)."""
    check = Check("dead letters", notice=True)
    for service, connection in at.items():
        check.looked_at += 1
        async for row in rows(connection, _DEAD):
            where = f"{row['consumer']}: {row['topic']}/{row['partition']}@{row['offset']}"
            state = " (requeued)" if row["requeued_at"] is not None else ""
            check.add(f"{service} {row['id']}", f"{where}: {row['error'][:120]}{state}")
    return check
