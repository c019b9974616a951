from collections.abc import AsyncIterator

import pytest

from events.kafka import Kafka
from tests.conftest import CreateDatabase
from tests.events.stand import Stand, stand


@pytest.fixture
async def shop(kafka: Kafka, create_database: CreateDatabase) -> AsyncIterator[Stand]:
    """A service in miniature on its own database and topics (two partitions each)."""
    async with stand(kafka, await create_database("events")) as made:
        yield made
