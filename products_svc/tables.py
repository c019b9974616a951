"""products' own tables. The audit reads them, too."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    false,
    literal_column,
)

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("stock", BigInteger, nullable=False),
    Column("image_url", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("stock >= 0", name="products_stock_not_negative"),
    CheckConstraint("price >= 0", name="products_price_not_negative"),
    # A few rows that change with every batch of orders: room for the new versions on the same page.
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("product_id", BigInteger),
    Column("quantity", BigInteger),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("outdated_price", Boolean, nullable=False, server_default=false()),
    Column("expires_at", DateTime(timezone=True)),
    CheckConstraint(
        "state IN ('reserved', 'rejected', 'released', 'tried', 'expired')", name="reservations_state_known"
    ),
    CheckConstraint(
        "state = 'released' OR (product_id IS NOT NULL AND quantity > 0)", name="reservations_say_what_they_hold"
    ),
    CheckConstraint("(state = 'tried') = (expires_at IS NOT NULL)", name="reservations_tries_expire"),
    # Not by state: an index whose condition names it would make every change of a reservation write to indexes.
    Index("reservations_tried", "expires_at", postgresql_where=literal_column("expires_at IS NOT NULL")),
)
"""What was decided for each order. Product and quantity are null only where an order was released before it asked;
``outdated_price``: when it was decided, the product had another price than the order. ``expires_at`` is null except
while the reservation is only tried."""

stock_ledger = Table(
    "stock_ledger",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("product_id", BigInteger, nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("order_id", Uuid),
    Column("idempotency_key", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    CheckConstraint("balance >= 0", name="stock_ledger_balance_not_negative"),
    CheckConstraint("reason IN ('put_in', 'taken_out', 'reserved', 'released')", name="stock_ledger_reason_known"),
    Index("stock_ledger_of_product", "product_id", "id"),
)
"""Every change of any stock, in order of ``id`` for each product. Rows are only ever added."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("idempotency_keys_created_at", "created_at"),
)
"""Answers given to requests that carried an ``Idempotency-Key``; ``fingerprint`` is a digest of what was asked.
``status`` and ``answer`` are null only inside the transaction that is answering."""
