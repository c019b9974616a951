"""What arrives is shown as it arrives, also after the broker was away."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from events.kafka import Kafka
from events.topics import declare
from kit.ids import new_id
from lab.backends import KafkaBroker
from lab.replay.topic import TopicReader
from lab.supervision import Home
from lab.watching.looking import arriving
from lab.watching.sightings import Sighting
from tests.lab.watching.stand import Topics, placed
from tests.waiting import eventually


@pytest.fixture
def broker() -> Iterator[KafkaBroker]:
    folder = Path(tempfile.mkdtemp(prefix="shop-test-"))
    server = KafkaBroker(Home(folder / "home"))
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder)


async def test_following_goes_on_after_the_broker_was_away_and_says_so_once(broker: KafkaBroker) -> None:
    kafka = Kafka(broker.bootstrap_servers)
    await declare(kafka, say=lambda line: None)
    seen: list[Sighting] = []
    said: list[str] = []

    async def follow(reader: TopicReader) -> None:
        start = await reader.ends()
        said.append("started")
        lost, found = (lambda: said.append("lost")), (lambda: said.append("found"))
        async for sightings in arriving(reader, start, lost=lost, found=found):
            seen.extend(sightings)

    async with TopicReader(kafka, ["orders", "stock"]) as reader:
        following = asyncio.create_task(follow(reader))
        await eventually(lambda: said)
        orders = [new_id() for _ in range(5)]
        await publish(kafka, *orders[:2])
        await eventually(lambda: len(seen) == 2)
        broker.kill()
        await eventually(lambda: "lost" in said)
        broker.start()  # only the main thread may
        await publish(kafka, *orders[2:])
        await eventually(lambda: len(seen) == 5)
        await eventually(lambda: "found" in said)
        assert said == ["started", "lost", "found"]
        assert [one.key for one in seen] == [str(order) for order in orders]
        broker.kill()
        async with asyncio.timeout(5):  # nobody who wants to leave waits for a broker that is gone
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await reader.__aexit__()


async def publish(kafka: Kafka, *orders: Any) -> None:
    producer: Any = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    for order in orders:
        await Topics(kafka, producer).publish(placed(order), 1)
    await producer.stop()
