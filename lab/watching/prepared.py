"""Transactions that are prepared and not finished: how old they are, what they lock, and who waits for that; and those
of three-phase commit that are undecided, which lock nothing."""

from typing import Any

_PREPARED = """
    SELECT p.gid, p.transaction::text AS xid, extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS age,
           (SELECT array_agg(DISTINCT c.relname::text || ' ' || l.mode ORDER BY c.relname::text || ' ' || l.mode)
            FROM pg_locks held JOIN pg_locks l ON l.virtualtransaction = held.virtualtransaction AND l.pid IS NULL
            JOIN pg_class c ON c.oid = l.relation
            WHERE held.locktype = 'transactionid' AND held.transactionid = p.transaction AND held.granted
              AND held.pid IS NULL AND c.relkind = 'r') AS locks,
           (SELECT count(*) FROM pg_locks w
            WHERE NOT w.granted AND w.locktype = 'transactionid' AND w.transactionid = p.transaction) AS waiting
    FROM pg_prepared_xacts p WHERE p.database = current_database() ORDER BY p.prepared"""
_UNDECIDED = """
    SELECT order_id::text AS name, state, extract(epoch FROM clock_timestamp() - changed_at)::float8 AS age
    FROM three_phase_transactions WHERE state IN ('ready', 'pre_committed') ORDER BY changed_at LIMIT 100"""
_ROWS = {
    "products": ("product", "SELECT id::text FROM products WHERE xmax::text = $1 ORDER BY id"),
    "delivery": ("order", "SELECT order_id::text FROM deliveries WHERE xmax::text = $1 ORDER BY order_id"),
    "orders": ("order", "SELECT id::text FROM orders WHERE xmax::text = $1 ORDER BY id"),
}
"""Rows that exist and are locked: PostgreSQL keeps no list of them, but writes into each row who holds it."""


async def prepared_transactions(connection: Any, service: str) -> list[dict[str, Any]]:
    """The oldest first: ``name``, ``age_seconds``, ``locks`` (table and mode), ``rows`` (what is locked of those that
    exist), ``waiting`` (sessions that wait for it). ``connection`` is one to the service's database."""
    found = []
    what, query = _ROWS[service]
    for row in await connection.fetch(_PREPARED):
        rows = [f"{what} {locked[0]}" for locked in await connection.fetch(query, row["xid"])]
        found.append(
            {
                "name": row["gid"],
                "age_seconds": round(row["age"], 3),
                "locks": list(row["locks"] or ()),
                "rows": rows,
                "waiting": row["waiting"],
            }
        )
    return found


async def undecided_transactions(connection: Any) -> list[dict[str, Any]]:
    """Up to 100 of a participant in three-phase commit, the oldest first: ``name`` (the order's id), ``state``,
    ``age_seconds``."""
    rows = await connection.fetch(_UNDECIDED)
    return [{"name": row["name"], "state": row["state"], "age_seconds": round(row["age"], 3)} for row in rows]
