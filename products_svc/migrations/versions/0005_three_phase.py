"""What this participant in three-phase commit has voted, and how it ended."""

from alembic import op

from kit.three_phase import tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    tables.upgrade_v1(op)


def downgrade() -> None:
    tables.downgrade_v1(op)
