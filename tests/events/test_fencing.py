"""A relay that was replaced without knowing it cannot publish any more where its successor has published."""

import asyncio
from collections.abc import Sequence
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
