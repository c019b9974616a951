from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from events.kafka import Kafka


@pytest.fixture
async def producer(kafka: Kafka) -> AsyncIterator[Any]:
    made: Any = AIOKafkaProducer(**kafka.client_options())
    await made.start()
    yield made
    await made.stop()
