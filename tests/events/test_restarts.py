"""kill -9 of Kafka and of PostgreSQL in the middle, and a consumer that was off for longer than Kafka remembers.

On servers of these tests' own, so that nobody else's die.
"""

import asyncio
import os
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka.protocol.commit import OffsetCommitRequest

from events.catalogue import OrderPlaced
from events.envelope import Envelope
from events.kafka import Kafka
from events.outbox import Transaction
from events.requeued import requeued_reactions
from lab.backends import KafkaBroker, PostgresServer
from lab.supervision.home import Home
from tests.conftest import CreateDatabase
from tests.events.stand import Stand, admin, note, placed, publish, running, stand
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or os.environ.get("SHOP_POSTGRES_URL")),
    reason="kills servers, so it runs where they are embedded: without KAFKA_BOOTSTRAP_SERVERS and SHOP_POSTGRES_URL",
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    own = KafkaBroker(Home(tmp_path_factory.mktemp("kafka")), {"offsets.retention.check.interval.ms": "500"})
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    own = PostgresServer(Home(tmp_path_factory.mktemp("postgres")))
    own.start()
    yield own
    own.stop()


async def test_kill_9_of_kafka_loses_and_repeats_nothing(broker: KafkaBroker, create_database: CreateDatabase) -> None:
    """Events are accepted while it is down, and handled in order when it is back."""
    kafka = Kafka(broker.bootstrap_servers, f"t{uuid.uuid4().hex[:10]}")
    keys = [uuid.uuid4() for _ in range(10)]
    async with stand(kafka, await create_database("events")) as shop:
        relay, loop = shop.relay(), shop.loop(batch_size=20)
        async with running(relay, loop):
            await _record(shop, keys, range(1, 31), relay.wake)
            await eventually(lambda: _handled(shop, 50))
            broker.kill()
            await _record(shop, keys, range(31, 51), relay.wake)
            await eventually(lambda: not relay.healthy)
            await eventually(lambda: not loop.healthy)
            broker.start()
            await _record(shop, keys, range(51, 61), relay.wake)
            await eventually(lambda: _handled(shop, 600), within=60)
            await eventually(shop.outbox_is_empty)
            await eventually(lambda: relay.healthy and loop.healthy)
        assert await shop.rows("SELECT key, count(*) FROM effects GROUP BY key HAVING count(*) <> 60") == []
        assert await shop.value("SELECT count(*) FROM dead_letters") == 0


async def test_kill_9_of_postgresql_loses_and_repeats_nothing(kafka: Kafka, postgres: PostgresServer) -> None:
    keys = [uuid.uuid4() for _ in range(10)]
    async with stand(kafka, await _database(postgres, "events")) as shop:
        relay, loop = shop.relay(), shop.loop(batch_size=20)
        async with running(relay, loop):
            await _record(shop, keys, range(1, 31), relay.wake)
            await eventually(lambda: _handled(shop, 50))
            postgres.kill()
            await eventually(lambda: not relay.healthy)
            postgres.start()
            await _record_at_last(shop, keys, range(31, 61), relay.wake)
            await eventually(lambda: _handled(shop, 600), within=60)
            await eventually(shop.outbox_is_empty)
            await eventually(lambda: relay.healthy and loop.healthy)
        assert await shop.rows("SELECT key, count(*) FROM effects GROUP BY key HAVING count(*) <> 60") == []
        assert await shop.value("SELECT count(*) FROM dead_letters") == 0


async def test_kill_9_of_postgresql_loses_and_repeats_nothing_that_was_requeued(
    kafka: Kafka, postgres: PostgresServer
) -> None:
    orders = [placed() for _ in range(300)]

    async def refuse(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        raise ZeroDivisionError

    async with stand(kafka, await _database(postgres, "requeued")) as shop:
        await publish(kafka, orders)
        async with running(shop.loop({OrderPlaced: refuse})):
            await eventually(lambda: shop.value("SELECT count(*) = 300 FROM dead_letters"))
        async with running(requeued_reactions("products", shop.outbox(), {OrderPlaced: note})):
            await shop.rows("UPDATE dead_letters SET requeued_at = now()")
            await eventually(lambda: _handled(shop, 20), every=0.001)
            postgres.kill()
            postgres.start()
            await eventually(lambda: _handled(shop, 300), within=60)
        assert sorted(await shop.effects()) == sorted(order.key for order in orders)
        assert await shop.value("SELECT count(*) FROM dead_letters") == 0


async def test_a_consumer_off_for_longer_than_kafka_keeps_offsets_goes_on_exactly_where_it_stopped(
    broker: KafkaBroker, create_database: CreateDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retention of the group's offsets is shortened from seven days to one second."""
    monkeypatch.setattr(OffsetCommitRequest, "DEFAULT_RETENTION_TIME", 1000)
    kafka = Kafka(broker.bootstrap_servers, f"t{uuid.uuid4().hex[:10]}")
    before, missed = [placed() for _ in range(20)], [placed() for _ in range(5)]
    async with stand(kafka, await create_database("events")) as shop:
        await publish(kafka, before)
        async with running(shop.loop()):
            await eventually(lambda: _handled(shop, 20))
        assert await _offsets(kafka), "Kafka knows the group"
        await publish(kafka, missed)
        await eventually(lambda: _forgotten(kafka), within=30)
        await shop.rows("DELETE FROM inbox")
        async with running(shop.loop()):
            await eventually(lambda: _handled(shop, 25))
        assert sorted(await shop.effects()) == sorted(event.key for event in [*before, *missed])


async def _record(shop: Stand, keys: list[uuid.UUID], sequences: range, wake: object) -> None:
    for sequence in sequences:
        await shop.record(*(placed(key, sequence=sequence) for key in keys), wake=wake)  # type: ignore[arg-type]


async def _record_at_last(shop: Stand, keys: list[uuid.UUID], sequences: range, wake: object) -> None:
    """As a client would: tries again as long as there was no answer."""
    for sequence in sequences:
        while True:
            try:
                await _record(shop, keys, range(sequence, sequence + 1), wake)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.05)
            else:
                break


async def _handled(shop: Stand, number: int) -> bool:
    try:
        return bool(await shop.value("SELECT count(*) >= $1 FROM effects", number))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def _database(postgres: PostgresServer, name: str) -> str:
    connection = await asyncpg.connect(postgres.admin_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return urlsplit(postgres.admin_url)._replace(path=f"/{name}").geturl()


async def _offsets(kafka: Kafka) -> dict[object, object]:
    async with admin(kafka) as client:
        found: dict[object, object] = await client.list_consumer_group_offsets(kafka.group("products"))
        return found


async def _forgotten(kafka: Kafka) -> bool:
    return not await _offsets(kafka)
