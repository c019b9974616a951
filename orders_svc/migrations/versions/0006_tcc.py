"""The log of the coordinator of Try-Confirm/Cancel."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "tcc_transactions",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("heuristic", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "phase IN ('trying', 'confirming', 'cancelling', 'compensating', 'heuristic')",
            name="tcc_transactions_phase_known",
        ),
        sa.CheckConstraint("heuristic IN ('mixed', 'rollback', 'hazard')", name="tcc_transactions_heuristic_known"),
        sa.CheckConstraint(
            "(phase IN ('compensating', 'heuristic')) = (heuristic IS NOT NULL)",
            name="tcc_transactions_heuristic_told",
        ),
        postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
    )


def downgrade() -> None:
    op.drop_table("tcc_transactions")
