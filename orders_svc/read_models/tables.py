"""The tables of orders' read models. Only their Faust workers write them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, Table, Text, func

metadata = MetaData()

product_copy = Table(
    "product_copy",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("stock", BigInteger, nullable=False),
    Column("image_url", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("copied_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
"""orders' copy of every product; ``changed_at`` is the business time of the change, ``copied_at`` when it got here."""

read_models = Table(
    "read_models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ready_at", DateTime(timezone=True)),
)
"""``ready_at`` is when a read model first reached its topics' ends; null until then."""

PRODUCT_COPY = "product-copy"
"""The product copy's name in ``read_models``, and its consumer's."""
