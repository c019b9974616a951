"""What this participant in two-phase commit remembers of transactions it has committed."""

from alembic import op

from kit.two_phase import tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    tables.upgrade_v1(op)


def downgrade() -> None:
    tables.downgrade_v1(op)
