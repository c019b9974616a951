"""The one table that three-phase commit needs in each participant's database."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, DateTime, Index, MetaData, Table, Text, Uuid, func, literal_column

_KNOWN = "state IN ('ready', 'pre_committed', 'committed', 'aborted')"
_UNDECIDED = "state IN ('ready', 'pre_committed')"


def declare(metadata: MetaData) -> Table:
    """``three_phase_transactions``: the state of every transaction that this participant was asked about.
    ``decided_by`` says who ended it: the coordinator, or this participant by itself."""
    return Table(
        "three_phase_transactions",
        metadata,
        Column("order_id", Uuid, primary_key=True),
        Column("state", Text, nullable=False),
        Column("decided_by", Text),
        Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        CheckConstraint(_KNOWN, name="three_phase_transactions_state_known"),
        Index("three_phase_transactions_undecided", "changed_at", postgresql_where=literal_column(_UNDECIDED)),
    )


def upgrade_v1(op: Any) -> None:
    """Creates the table, as it was first released; for a service's migration."""
    op.create_table(
        "three_phase_transactions",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "state IN ('ready', 'pre_committed', 'committed', 'aborted')", name="three_phase_transactions_state_known"
        ),
    )
    op.create_index(
        "three_phase_transactions_undecided",
        "three_phase_transactions",
        ["changed_at"],
        postgresql_where=sa.text("state IN ('ready', 'pre_committed')"),
    )


def downgrade_v1(op: Any) -> None:
    op.drop_table("three_phase_transactions")
