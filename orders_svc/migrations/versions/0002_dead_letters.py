"""Dead letters can be requeued and discarded."""

from alembic import op

from events import schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    schema.upgrade_v2(op)


def downgrade() -> None:
    schema.downgrade_v2(op)
