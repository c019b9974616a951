"""The coordinator's states in three-phase commit."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "three_phase_coordination",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("contradicted_by", sa.Text),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "state IN ('begun', 'pre_committing', 'committed', 'aborted')", name="three_phase_coordination_state_known"
        ),
    )


def downgrade() -> None:
    op.drop_table("three_phase_coordination")
