"""A relay that was replaced without knowing it cannot publish any more where its successor has published."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka.errors import KafkaError, ProducerFenced

from events import leadership
from events import relay as relay_module
from events.envelope import encode
from events.fencing import FencedProducer, UnsupportedClient, _transactions
from events.kafka import Kafka
from events.sending import Outgoing
from tests.events.stand import Stand, product, read, running
from tests.waiting import eventually


async def test_a_predecessors_late_batch_is_refused_once_the_successor_has_written(shop: Stand) -> None:
    topic, kafka = shop.kafka.topic("products"), shop.kafka
    zombie = await FencedProducer.claim(kafka, "relay.test")
    assert await _send(zombie, kafka, 1) is None
    successor = await FencedProducer.claim(kafka, "relay.test")
    assert successor.identity[0] == zombie.identity[0]
    assert successor.identity[1] > zombie.identity[1]
    assert await _send(successor, kafka, 1) is None
    assert await _send(successor, kafka, 2) is None
    assert isinstance(await _send(zombie, kafka, 1), ProducerFenced)
    await zombie.close()
    await successor.close()
    assert await _versions(kafka) == [1, 1, 2], f"the last record of a key in {topic} is what compaction keeps"


async def test_a_zombie_relays_late_duplicate_cannot_land_after_a_newer_version(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole story: a relay freezes between reading version 1 and sending it. PostgreSQL ends its silent session,
    and with it the role; another takes over, publishes versions 1 and 2; then the frozen batch goes out after all."""
    frozen: list[Frozen] = []

    async def claim(kafka: Kafka, name: str) -> Any:
        producer = await FencedProducer.claim(kafka, name)
        if frozen:
            return producer
        frozen.append(Frozen(producer))
        return frozen[0]

    monkeypatch.setattr(leadership, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(relay_module, "FencedProducer", type("Claims", (), {"claim": staticmethod(claim)}))
    first, second = shop.relay(), shop.relay()
    async with running(first, second):
        await shop.record(product(7, 1), wake=first.wake)
        await eventually(lambda: frozen and frozen[0].batch)
        await eventually(shop.outbox_is_empty)
        await shop.record(product(7, 2), wake=second.wake)
        await eventually(shop.outbox_is_empty)
        (refusal,) = await frozen[0].thaw()
        assert isinstance(refusal, ProducerFenced)
    assert await _versions(shop.kafka) == [1, 2]


async def test_a_stopped_process_loses_the_role_to_another_relay(shop: Stand) -> None:
    """SIGSTOP: its connection stays open, it only says nothing any more. 30 s in earnest, 2.5 s here."""
    with relay_process(shop) as frozen:
        await eventually(lambda: shop.value(ACTIVE))
        await shop.record(product(7, 1))
        await eventually(shop.outbox_is_empty)
        frozen.send_signal(signal.SIGSTOP)
        relay = shop.relay()
        async with running(relay):
            await shop.record(product(7, 2), wake=relay.wake)
            await eventually(shop.outbox_is_empty)
            assert relay.active
    assert await _versions(shop.kafka) == [1, 2]


async def test_a_relay_without_work_keeps_the_role(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to publish is not frozen; nor is standing by."""
    monkeypatch.setattr(leadership, "IDLE_SECONDS", 3.0)
    first, second = shop.relay(), shop.relay()
    async with running(first):
        await eventually(lambda: first.active)
        async with running(second):
            await eventually(lambda: shop.value(CONNECTED))
            before = await shop.rows(BACKENDS)
            await eventually(lambda: shop.value(OLDER, 4.5))
            assert await shop.rows(BACKENDS) == before
            assert first.active


async def test_claims_are_renewed_before_the_broker_forgets_them(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "CLAIM_SECONDS", 0.2)
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 0.05)
    claims = 0

    async def claim(kafka: Kafka, name: str) -> FencedProducer:
        nonlocal claims
        claims += 1
        return await FencedProducer.claim(kafka, name)

    monkeypatch.setattr(relay_module, "FencedProducer", type("Claims", (), {"claim": staticmethod(claim)}))
    relay = shop.relay()
    async with running(relay):
        for version in range(1, 30):
            await shop.record(product(1, version), wake=relay.wake)
            await eventually(shop.outbox_is_empty)
        await eventually(lambda: claims >= 3)
    assert await _versions(shop.kafka) == list(range(1, 30))


async def test_a_client_with_other_private_parts_is_refused_with_a_clear_error() -> None:
    with pytest.raises(UnsupportedClient, match=r"events/fencing\.py"):
        _transactions(object())


RELAY = """
import asyncio, sys
from events import leadership
from events.kafka import Kafka
from events.relay import Relay
leadership.IDLE_SECONDS = 2.5
asyncio.run(Relay(service="orders", kafka=Kafka(*sys.argv[2:]), database_url=sys.argv[1]).run())
"""
_RELAYS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'relay_orders'"
ACTIVE = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid IN (SELECT pid {_RELAYS})"
BACKENDS = f"SELECT pid, backend_start {_RELAYS} ORDER BY pid"
CONNECTED = f"SELECT count(*) = 2 {_RELAYS}"
OLDER = f"SELECT max(backend_start) < clock_timestamp() - $1::float8 * interval '1 s' {_RELAYS}"


@contextmanager
def relay_process(shop: Stand) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", RELAY, shop.url, shop.kafka.bootstrap_servers, shop.kafka.prefix]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Frozen:
    """A producer whose ``send_all`` stops in time, and goes on only when told, whatever became of its relay."""

    def __init__(self, producer: FencedProducer) -> None:
        self._producer = producer
        self.batch: list[Outgoing] = []

    async def send_all(self, records: Sequence[Outgoing]) -> Any:
        self.batch.extend(records)
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    async def thaw(self) -> list[KafkaError | None]:
        try:
            return await self._producer.send_all(self.batch)
        finally:
            await self._producer.close()


async def _send(producer: FencedProducer, kafka: Kafka, version: int) -> KafkaError | None:
    key, value, headers = encode(product(7, version))
    (result,) = await producer.send_all([Outgoing(kafka.topic("products"), key, value, list(headers))])
    return result


async def _versions(kafka: Kafka) -> list[int]:
    return [int(dict(found.headers)["ce_sequence"]) for found in await read(kafka, "products")]
