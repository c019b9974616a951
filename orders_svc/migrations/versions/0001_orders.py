"""Orders, idempotency keys, the product copy, and the bookkeeping of events."""

import sqlalchemy as sa
from alembic import op

from events import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("product_name", sa.Text, nullable=False),
        sa.Column("product_version", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("unit_price", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("customer_name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("cancellation_refused", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name="orders_quantity_positive"),
        sa.CheckConstraint(
            "status IN ('pending', 'cancelling', 'confirmed', 'rejected', 'cancelled')", name="orders_status_known"
        ),
    )
    op.create_index("orders_of_customer", "orders", ["customer_id", "id"])
    op.create_index(
        "orders_unsettled", "orders", ["placed_at"], postgresql_where=sa.text("status IN ('pending', 'cancelling')")
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "product_copy",
        sa.Column("product_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("stock", sa.BigInteger, nullable=False),
        sa.Column("image_url", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
    )
    op.create_table(
        "read_models",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("ready_at", sa.DateTime(timezone=True)),
    )
    schema.upgrade_v1(op)


def downgrade() -> None:
    schema.downgrade_v1(op)
    for table in ("read_models", "product_copy", "idempotency_keys", "orders"):
        op.drop_table(table)
