"""What it looks like when a server that was there is not."""

import asyncpg
from aiokafka.errors import KafkaError

SERVER_AWAY = (
    OSError,  # and TimeoutError, which is one
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # "cannot switch to state ...": it vanished in the middle of a call
    KafkaError,
)
"""Kafka or PostgreSQL, whoever asks them."""
