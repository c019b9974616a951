"""The coordinator's log of two-phase commit, and what orders remembers as a participant."""

import sqlalchemy as sa
from alembic import op

from kit.two_phase import tables

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    tables.upgrade_v1(op)
    op.create_table(
        "two_phase_decisions",
        sa.Column("transaction_id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("impossible_at", sa.Text),
        sa.CheckConstraint("decision IN ('commit', 'abort')", name="two_phase_decisions_known"),
    )


def downgrade() -> None:
    op.drop_table("two_phase_decisions")
    tables.downgrade_v1(op)
