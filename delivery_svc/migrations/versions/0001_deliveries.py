"""Deliveries, and the bookkeeping of events."""

import sqlalchemy as sa
from alembic import op

from events import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("delivery_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("product_id", sa.BigInteger),
        sa.Column("product_name", sa.Text),
        sa.Column("quantity", sa.BigInteger),
        sa.Column("customer_id", sa.Text),
        sa.Column("customer_name", sa.Text),
        sa.Column("address", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('awaiting_stock', 'awaiting_details', 'started', 'completed', 'cancelled', 'not_needed')",
            name="deliveries_state_known",
        ),
        sa.CheckConstraint(
            "state NOT IN ('awaiting_stock', 'started', 'completed') OR (address IS NOT NULL AND quantity > 0)",
            name="deliveries_know_what_and_where_to",
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("deliveries_of_customer", "deliveries", ["customer_id", "delivery_id"])
    schema.upgrade_v1(op)


def downgrade() -> None:
    schema.downgrade_v1(op)
    op.drop_table("deliveries")
