"""The bookkeeping tables as Alembic operations, frozen as each version was released.

Each service's first migration calls ``upgrade_v1(op)``, a later one ``upgrade_v2(op)``. Tables change by adding the
next step here and calling it from a new migration of each service; a test compares the result with ``events.tables``.
"""

from typing import Any

import sqlalchemy as sa


def upgrade_v1(op: Any) -> None:
    """Creates outbox, inbox, positions and dead_letters."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        _time("recorded_at"),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 5000,
            "autovacuum_analyze_scale_factor": 0,
            "autovacuum_analyze_threshold": 50000,
        },
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        _time("handled_at"),
    )
    op.create_index("inbox_handled_at", "inbox", ["handled_at"])
    op.create_table(
        "positions",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        _time("moved_at"),
        postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1000},
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("event_type", sa.Text),
        sa.Column("event_id", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("traceback", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        _time("died_at"),
    )
    op.create_index("dead_letters_record", "dead_letters", ["consumer", "topic", "partition", "offset"], unique=True)


def upgrade_v2(op: Any) -> None:
    """Dead letters can be requeued, and discarded with a reason."""
    op.add_column("dead_letters", sa.Column("requeued_at", sa.DateTime(timezone=True)))
    op.add_column("dead_letters", sa.Column("discarded_at", sa.DateTime(timezone=True)))
    op.add_column("dead_letters", sa.Column("discarded_why", sa.Text))
    op.create_index(
        "dead_letters_requeued",
        "dead_letters",
        ["consumer", "topic", "partition", "offset"],
        postgresql_where=sa.text("requeued_at IS NOT NULL"),
    )


def downgrade_v2(op: Any) -> None:
    """Forgets who was requeued and what was discarded: all of them are plain dead letters again."""
    op.drop_index("dead_letters_requeued", "dead_letters")
    for column in ("discarded_why", "discarded_at", "requeued_at"):
        op.drop_column("dead_letters", column)


def downgrade_v1(op: Any) -> None:
    """Drops them, with everything not yet published or handled: only for throwing a database away."""
    for table in ("dead_letters", "positions", "inbox", "outbox"):
        op.drop_table(table)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp())
