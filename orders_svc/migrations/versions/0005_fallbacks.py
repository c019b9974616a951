"""What orders was accepted on where the others did not answer: the prices last seen, and promises."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("orders", sa.Column("price_seen_at", sa.DateTime(timezone=True)))
    op.add_column("orders", sa.Column("promised_at", sa.DateTime(timezone=True)))
    op.create_table(
        "last_prices",
        sa.Column("product_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("last_prices")
    op.drop_column("orders", "promised_at")
    op.drop_column("orders", "price_seen_at")
