"""Products, reservations, the stock ledger, idempotency keys, and the bookkeeping of events."""

import sqlalchemy as sa
from alembic import op

from events import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("stock", sa.BigInteger, nullable=False),
        sa.Column("image_url", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stock >= 0", name="products_stock_not_negative"),
        sa.CheckConstraint("price >= 0", name="products_price_not_negative"),
        postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
    )
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("product_id", sa.BigInteger),
        sa.Column("quantity", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outdated_price", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.CheckConstraint("state IN ('reserved', 'rejected', 'released')", name="reservations_state_known"),
        sa.CheckConstraint(
            "state = 'released' OR (product_id IS NOT NULL AND quantity > 0)", name="reservations_say_what_they_hold"
        ),
    )
    op.create_table(
        "stock_ledger",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("order_id", sa.Uuid),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("balance >= 0", name="stock_ledger_balance_not_negative"),
        sa.CheckConstraint(
            "reason IN ('put_in', 'taken_out', 'reserved', 'released')", name="stock_ledger_reason_known"
        ),
    )
    op.create_index("stock_ledger_of_product", "stock_ledger", ["product_id", "id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    schema.upgrade_v1(op)


def downgrade() -> None:
    schema.downgrade_v1(op)
    for table in ("idempotency_keys", "stock_ledger", "reservations", "products"):
        op.drop_table(table)
