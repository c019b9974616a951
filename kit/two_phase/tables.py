"""The one table that two-phase commit needs in each participant's database."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, Index, MetaData, Table, Uuid, func


def declare(metadata: MetaData) -> Table:
    """``prepared_outcomes``: transactions that were prepared here and committed. Each is written inside the transaction
    it tells of, so it is there if and only if that was committed: what tells a commit that is asked for twice from one
    that is impossible, because somebody rolled the transaction back by hand."""
    return Table(
        "prepared_outcomes",
        metadata,
        Column("transaction_id", Uuid, primary_key=True),
        Column("prepared_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("prepared_outcomes_prepared_at", "prepared_at"),
    )


def upgrade_v1(op: Any) -> None:
    """Creates the table, as it was first released; for a service's migration."""
    op.create_table(
        "prepared_outcomes",
        sa.Column("transaction_id", sa.Uuid, primary_key=True),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("prepared_outcomes_prepared_at", "prepared_outcomes", ["prepared_at"])


def downgrade_v1(op: Any) -> None:
    op.drop_table("prepared_outcomes")
