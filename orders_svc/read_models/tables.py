"""What the tables of orders' read models have in common. Only the read models' workers write them."""

from sqlalchemy import Column, DateTime, MetaData, Table, Text

metadata = MetaData()

read_models = Table(
    "read_models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ready_at", DateTime(timezone=True)),
)
"""``ready_at`` is when a read model first reached its topics' ends; null until then."""
