"""The read models order history and sales."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "history_orders",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("customer_id", sa.Text),
        sa.Column("product_id", sa.BigInteger),
        sa.Column("product_name", sa.Text),
        sa.Column("quantity", sa.BigInteger),
        sa.Column("amount", sa.BigInteger),
        sa.Column("placed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("history_orders_of_customer", "history_orders", ["customer_id", "order_id"])
    op.create_table(
        "history_steps",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("note", sa.Text),
    )
    op.create_table(
        "sales_orders",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sold", sa.Boolean, nullable=False),
        sa.Column("product_id", sa.BigInteger),
        sa.Column("day", sa.Date),
        sa.Column("units", sa.BigInteger),
        sa.Column("amount", sa.BigInteger),
    )
    op.create_table(
        "sales",
        sa.Column("product_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("orders", sa.BigInteger, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("revenue", sa.BigInteger, nullable=False),
    )
    op.create_index("sales_by_day", "sales", ["day", "product_id"])


def downgrade() -> None:
    for table in ("sales", "sales_orders", "history_steps", "history_orders"):
        op.drop_table(table)
