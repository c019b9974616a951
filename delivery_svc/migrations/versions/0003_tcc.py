"""Deliveries that are only tentative, and expire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KNOWN = "'awaiting_stock', 'awaiting_details', 'started', 'completed', 'cancelled', 'not_needed'"
_DETAILED = "(address IS NOT NULL AND quantity > 0)"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("expires_at", sa.DateTime(timezone=True)))
    _check("deliveries_state_known", f"state IN ({_KNOWN}, 'tentative', 'expired')")
    _check(
        "deliveries_know_what_and_where_to",
        f"state NOT IN ('awaiting_stock', 'started', 'completed', 'tentative') OR {_DETAILED}",
    )
    op.create_check_constraint(
        "deliveries_tentative_expire", "deliveries", "(state = 'tentative') = (expires_at IS NOT NULL)"
    )
    op.create_index(
        "deliveries_tentative", "deliveries", ["expires_at"], postgresql_where=sa.text("expires_at IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("deliveries_tentative")
    op.drop_constraint("deliveries_tentative_expire", "deliveries")
    _check(
        "deliveries_know_what_and_where_to",
        f"state NOT IN ('awaiting_stock', 'started', 'completed') OR {_DETAILED}",
    )
    _check("deliveries_state_known", f"state IN ({_KNOWN})")
    op.drop_column("deliveries", "expires_at")


def _check(name: str, condition: str) -> None:
    """The condition instead of the one that the table has under this name."""
    op.drop_constraint(name, "deliveries")
    op.create_check_constraint(name, "deliveries", condition)
