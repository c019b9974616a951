"""Reservations that are only tried, and expire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("reservations", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.drop_constraint("reservations_state_known", "reservations")
    op.create_check_constraint(
        "reservations_state_known", "reservations", "state IN ('reserved', 'rejected', 'released', 'tried', 'expired')"
    )
    op.create_check_constraint(
        "reservations_tries_expire", "reservations", "(state = 'tried') = (expires_at IS NOT NULL)"
    )
    op.create_index(
        "reservations_tried", "reservations", ["expires_at"], postgresql_where=sa.text("expires_at IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("reservations_tried")
    op.drop_constraint("reservations_tries_expire", "reservations")
    op.drop_constraint("reservations_state_known", "reservations")
    op.create_check_constraint(
        "reservations_state_known", "reservations", "state IN ('reserved', 'rejected', 'released')"
    )
    op.drop_column("reservations", "expires_at")
