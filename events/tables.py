"""The bookkeeping tables that every service's database has: outbox, inbox, positions, dead letters."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # Rows live for milliseconds: vacuum by a fixed count, not by a share of a table that is empty most of the time.
    postgresql_with={
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 5000,
        "autovacuum_analyze_scale_factor": 0,
        "autovacuum_analyze_threshold": 50000,
    },
)
"""Events recorded in the transaction of their change, waiting for the relay. ``topic`` is the logical one; ``headers``
is a JSON object of strings. Deleted once Kafka has acknowledged them."""

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("handled_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    PrimaryKeyConstraint("consumer", "source", "event_id"),
    Index("inbox_handled_at", "handled_at"),
)
"""Events already handled, so that one that was published twice is handled once. Pruned by age."""

positions = Table(
    "positions",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    PrimaryKeyConstraint("consumer", "topic", "partition"),
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 1000},
)
"""The next offset to handle per consumer and partition (broker's topic name), moved together with the effects."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary, nullable=False),
    Column("event_type", Text),
    Column("event_id", Text),
    Column("error", Text, nullable=False),
    Column("traceback", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("died_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("requeued_at", DateTime(timezone=True)),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discarded_why", Text),
    Index("dead_letters_record", "consumer", "topic", "partition", "offset", unique=True),
    Index(
        "dead_letters_requeued",
        "consumer",
        "topic",
        "partition",
        "offset",
        postgresql_where=text("requeued_at IS NOT NULL"),
    ),
)
"""Events whose handling failed for good: raw bytes (headers as a JSON list of [name, base64]), with the reason. One
that is requeued waits for its consumer to handle it again; one that is discarded is the record of that decision."""
