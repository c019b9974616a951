"""Events as records, so that something about them can be wrong."""

from typing import Any

from events.envelope import encode
from events.kafka import Kafka
from tests.events.stand import producing

Wire = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Key, value and headers of a record."""


def wire(envelope: Any, **headers: bytes | None) -> Wire:
    """As it is published, with some headers replaced."""
    key, value, usual = encode(envelope)
    return key, value, [(name, headers.get(name, there)) for name, there in usual]


async def send(kafka: Kafka, topic: str, *records: Wire, partition: int = 0) -> None:
    async with producing(kafka) as producer:
        for key, value, headers in records:
            await producer.send_and_wait(kafka.topic(topic), value, key, headers=headers, partition=partition)
