import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from events.kafka import Kafka
from events.topics import declare
from kit import migrations
from kit.database import Database
from tests.conftest import CreateDatabase
from tests.lab.replay.following import Following


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[Any]:
    made: Any = AIOKafkaProducer(**kafka.client_options())
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def following(kafka: Kafka, create_database: CreateDatabase) -> AsyncIterator[Following]:
    """Topics of two partitions, and orders' database as its migrations make it."""
    await declare(kafka, partitions=2, say=lambda line: None)
    url = await create_database("orders")
    await asyncio.to_thread(migrations.upgrade, "orders_svc", url)
    database = Database(url)
    await database.open()
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    yield Following(kafka, url, database, connection)
    await connection.close()
    await database.close()
