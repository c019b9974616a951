"""What a read model's worker says of itself: healthy or not, and how far it is behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from prometheus_client import REGISTRY

from events import health, standing
from events.health import Part
from events.kafka import Kafka
from events.positions import Positions
from tests.events.stand import Stand, product, publish
from tests.events.tally import Tally
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _a_worker() -> None:
    health.worker_starts(Tally.name)


def test_a_worker_is_healthy_when_it_has_joined_and_looked_though_there_is_nothing_to_read() -> None:
    assert healthy() == 0
    health.report(Tally.name, Part.FAUST, well=True)
    assert healthy() == 0
    health.report(Tally.name, Part.WATCHDOG, well=True)
    assert healthy() == 1


async def test_a_look_that_succeeds_hides_no_batch_that_waits(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.01)
    health.report(Tally.name, Part.FAUST, well=True)
    async with watching(shop, shop.kafka):
        await eventually(lambda: healthy() == 1)
        health.report(Tally.name, Part.BATCHES, well=False)
        looks = asyncio.create_task(eventually(lambda: healthy() == 1, within=1.0))
        with pytest.raises(TimeoutError):
            await looks
        health.report(Tally.name, Part.BATCHES, well=True)
        assert healthy() == 1


def test_a_batch_that_is_committed_hides_no_broker_that_is_away() -> None:
    health.report(Tally.name, Part.FAUST, well=True)
    health.report(Tally.name, Part.WATCHDOG, well=False)
    health.report(Tally.name, Part.BATCHES, well=True)
    assert healthy() == 0


async def test_the_first_look_is_at_once(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 3600.0)
    health.report(Tally.name, Part.FAUST, well=True)
    async with watching(shop, shop.kafka):
        await eventually(lambda: healthy() == 1)


async def test_a_broker_that_takes_connections_and_answers_nothing_is_a_look_that_failed(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "LOOK_SECONDS", 0.5)
    for part in (Part.FAUST, Part.WATCHDOG):
        health.report(Tally.name, part, well=True)
    began = monotonic()
    async with silent_broker() as kafka, watching(shop, kafka):
        await eventually(lambda: healthy() == 0)
    assert monotonic() - began < 30, "the client itself would wait for 40 s"


async def test_a_topic_that_is_missing_makes_it_unhealthy(shop: Stand) -> None:
    for part in (Part.FAUST, Part.WATCHDOG):
        health.report(Tally.name, part, well=True)
    async with watching(shop, Kafka(shop.kafka.bootstrap_servers, "nobody")):
        await eventually(lambda: healthy() == 0)


async def test_every_look_tells_how_far_each_partition_is_behind(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.01)
    topic = shop.kafka.topic("products")
    await publish(shop.kafka, [product(number, 1) for number in range(30)])
    async with watching(shop, shop.kafka):
        await eventually(lambda: sum(lag(topic, partition) or 0 for partition in (0, 1)) == 30)
        ends = [int(lag(topic, partition) or 0) for partition in (0, 1)]
        assert 0 not in ends
        async with shop.database.connection() as connection:
            await Positions(Tally.name).set(connection, (topic, 0), ends[0])
        await eventually(lambda: [lag(topic, 0), lag(topic, 1)] == [0, ends[1]])


@asynccontextmanager
async def watching(shop: Stand, kafka: Kafka) -> AsyncIterator[None]:
    task = asyncio.create_task(standing.watch(Tally(), kafka, shop.database))
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def silent_broker() -> AsyncIterator[Kafka]:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield Kafka(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()


def healthy() -> float | None:
    return REGISTRY.get_sample_value("events_consumer_healthy", {"consumer": Tally.name})


def lag(topic: str, partition: int) -> float | None:
    labels = {"consumer": Tally.name, "topic": topic, "partition": str(partition)}
    return REGISTRY.get_sample_value("events_consumer_lag", labels)
