"""The relay: an event is on Kafka if and only if its change was committed."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from events import backlog, fencing
from events import relay as relay_module
from events.envelope import decode
from events.fencing import FencedProducer
from events.sending import Outgoing
from tests.events.stand import Stand, placed, product, read, running
from tests.waiting import eventually


async def test_what_was_committed_is_published(shop: Stand) -> None:
    relay, event = shop.relay(), placed()
    async with running(relay):
        await shop.record(event, wake=relay.wake)
        await eventually(shop.outbox_is_empty)
    (found,) = await read(shop.kafka, "orders")
    assert decode(found.key, found.value, found.headers) == event


async def test_what_was_rolled_back_is_not_published(shop: Stand) -> None:
    relay, after = shop.relay(), placed()
    async with running(relay):
        with pytest.raises(RuntimeError, match="changed my mind"):
            await _record_and_roll_back(shop, relay.wake)
        await shop.record(after, wake=relay.wake)
        await eventually(shop.outbox_is_empty)
    assert [found.key.decode() for found in await read(shop.kafka, "orders")] == [after.key]


async def test_a_relay_that_finishes_leaves_nothing_behind(shop: Stand) -> None:
    relay = shop.relay()
    async with running(relay):
        await eventually(lambda: relay.active)
        await shop.record(*(placed() for _ in range(2500)))
        await relay.finish()
        assert await shop.outbox_is_empty()
        assert relay.last_error is None


async def test_a_relay_that_stands_by_has_nothing_to_finish(shop: Stand) -> None:
    await shop.record(placed())
    await shop.relay().finish()
    assert not await shop.outbox_is_empty()


async def test_a_row_that_commits_late_with_a_lower_id_is_published(shop: Stand) -> None:
    relay, late, early = shop.relay(), placed(), placed()
    async with running(relay):
        async with shop.outbox(relay.wake).transaction() as transaction:
            transaction.record([late])
            await transaction.flush()  # has the lower id, and commits last
            transaction.recorded.clear()
            await shop.record(early, wake=relay.wake)
            await eventually(lambda: _published(shop, early.key))
        await eventually(shop.outbox_is_empty)
        assert await _published(shop, late.key)


async def test_a_row_that_commits_very_late_is_published_all_the_same(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most reads begin at a floor; this row appears far below those that were read before it."""
    monkeypatch.setattr(backlog, "LOOK_BACK", 10)
    relay, late = shop.relay(), placed()
    async with running(relay):
        async with shop.outbox(relay.wake).transaction() as transaction:
            transaction.record([late])
            await transaction.flush()
            transaction.recorded.clear()
            for _ in range(3):
                await shop.record(*(placed() for _ in range(100)), wake=relay.wake)
                await eventually(shop.outbox_is_empty)
        await eventually(shop.outbox_is_empty, within=5)
        assert await _published(shop, late.key)


async def test_what_follows_a_row_that_commits_very_late_does_not_overtake_it(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "LOOK_BACK", 10)
    monkeypatch.setattr(backlog, "FULL_READ_SECONDS", 3600.0)
    relay, order = shop.relay(), uuid.uuid4()
    async with running(relay):
        async with shop.outbox(relay.wake).transaction() as transaction:
            transaction.record([placed(order, sequence=1)])
            await transaction.flush()
            transaction.recorded.clear()
            for _ in range(3):
                await shop.record(*(placed() for _ in range(100)), wake=relay.wake)
                await eventually(shop.outbox_is_empty)
        await shop.record(placed(order, sequence=2), wake=relay.wake)
        await eventually(shop.outbox_is_empty, within=5)
    found = [record for record in await read(shop.kafka, "orders") if record.key == str(order).encode()]
    assert [dict(record.headers)["ce_sequence"] for record in found] == [b"1", b"2"]


async def test_reads_do_not_begin_at_the_beginning_again_and_again(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read and deleted is left behind, except while a transaction is open that may hold an id down there."""
    monkeypatch.setattr(backlog, "LOOK_BACK", 10)
    monkeypatch.setattr(backlog, "FULL_READ_SECONDS", 3600.0)
    reader = backlog.Backlog(1000)

    async def begin_of_read() -> int:
        async with shop.database.connection() as connection:
            observed = Observed(connection.raw)
            await reader.delete(observed, await reader.read(observed))
        return observed.floor

    for _ in range(4):
        await shop.record(*(placed() for _ in range(100)))
        risen = await begin_of_read()
    assert risen == 190, "the fourth read knows that nothing can appear among what the second one read"
    async with shop.outbox().transaction() as transaction:
        transaction.record([placed()])
        await transaction.flush()
        for _ in range(4):
            await shop.record(*(placed() for _ in range(100)))
            stays = await begin_of_read()
    assert 190 <= stays <= 401
    for _ in range(3):
        await shop.record(*(placed() for _ in range(100)))
        risen = await begin_of_read()
    assert risen > 800


async def test_a_row_that_commits_between_reading_and_deleting_is_published(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early = placed(), placed()
    commit, committed = asyncio.Event(), asyncio.Event()

    class Slow(FencedProducer):
        async def send_all(self, records: Sequence[Outgoing]) -> list[KafkaError | None]:
            results = await super().send_all(records)
            commit.set()
            await committed.wait()
            return results

    monkeypatch.setattr(relay_module, "FencedProducer", Slow)

    async def commit_late() -> None:
        async with shop.outbox().transaction() as transaction:
            transaction.record([late])
            await transaction.flush()
            transaction.recorded.clear()
            await shop.record(early, wake=relay.wake)
            await commit.wait()
        committed.set()

    relay = shop.relay()
    async with running(relay):
        await commit_late()
        await eventually(shop.outbox_is_empty)
    assert sorted(found.key.decode() for found in await read(shop.kafka, "orders")) == sorted([late.key, early.key])


async def test_one_aggregates_events_are_published_in_order(shop: Stand) -> None:
    relay = shop.relay()
    keys = [uuid.uuid4() for _ in range(5)]
    for sequence in range(1, 101):
        await shop.record(*(placed(key, sequence=sequence) for key in keys), wake=relay.wake)
    async with running(relay):
        await eventually(shop.outbox_is_empty)
    seen: dict[bytes, list[int]] = {}
    for found in await read(shop.kafka, "orders"):
        seen.setdefault(found.key, []).append(int(dict(found.headers)["ce_sequence"]))
    assert seen == {str(key).encode(): list(range(1, 101)) for key in keys}


async def test_a_commit_of_this_process_is_published_at_once(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 60.0)
    relay = shop.relay()
    async with running(relay):
        await eventually(lambda: relay.active)
        for _ in range(3):
            await shop.record(placed(), wake=relay.wake)
            await eventually(shop.outbox_is_empty, within=5)


async def test_a_commit_beside_a_standby_relay_wakes_the_active_one(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    active, standby = shop.relay(), shop.relay()
    async with running(active):
        await eventually(lambda: active.active)
        async with running(standby):
            await eventually(lambda: standby.healthy)
            await shop.record(placed(), wake=active.wake)
            await eventually(shop.outbox_is_empty)
            monkeypatch.setattr(relay_module, "POLL_SECONDS", 60.0)
            active.wake()  # so that it enters the long poll
            for _ in range(3):
                await shop.record(placed(), wake=standby.wake)
                await eventually(shop.outbox_is_empty, within=5)
            assert not standby.active


async def test_an_event_is_published_even_if_nobody_woke_the_relay(shop: Stand) -> None:
    async with running(shop.relay()):
        await shop.record(placed())
        await eventually(shop.outbox_is_empty, within=5)


async def test_a_standby_relay_takes_over_and_two_are_never_active(shop: Stand) -> None:
    first, second = shop.relay(), shop.relay()
    together = False

    async def watch() -> None:
        nonlocal together
        while True:
            together = together or (first.active and second.active)
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    async with running(second):
        async with running(first):
            await eventually(lambda: first.active or second.active)
            await shop.record(*(placed() for _ in range(100)), wake=first.wake)
            await eventually(shop.outbox_is_empty)
        await eventually(lambda: second.active, within=3)
        await shop.record(placed(), wake=second.wake)
        await eventually(shop.outbox_is_empty)
    watcher.cancel()
    assert not together
    assert len(await read(shop.kafka, "orders")) == 101


async def test_a_relay_that_loses_its_connection_loses_its_role(shop: Stand) -> None:
    relay = shop.relay()
    async with running(relay):
        await eventually(lambda: relay.active)
        await shop.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay_orders'"
        )
        await eventually(lambda: not relay.active)
        await eventually(lambda: relay.active)
        await shop.record(placed(), wake=relay.wake)
        await eventually(shop.outbox_is_empty)


async def test_an_event_that_kafka_refuses_is_kept_and_holds_its_place(shop: Stand) -> None:
    """Nothing of its order overtakes it; orders in other partitions do."""
    relay, order = shop.relay(), uuid.uuid4()
    refused, after = placed(order, address="x" * 2_000_000), placed(order, sequence=2)
    others = [placed() for _ in range(20)]
    async with running(relay):
        await shop.record(refused, after, *others, wake=relay.wake)
        await eventually(lambda: not relay.healthy)
        assert "MessageSizeTooLarge" in str(relay.last_error)
        assert _metric("events_refused_total", service="orders", topic="orders") > 0
        assert await shop.value("SELECT count(*) FROM outbox WHERE key = $1", str(order).encode()) == 2
        published = {found.key.decode() for found in await read(shop.kafka, "orders")}
        assert str(order) not in published
        assert published & {event.key for event in others}
        await shop.rows("DELETE FROM outbox WHERE length(value) > 1000000")
        await eventually(shop.outbox_is_empty)
        await eventually(lambda: relay.healthy)
    sequences = [dict(found.headers)["ce_sequence"] for found in await read(shop.kafka, "orders")]
    assert sorted(sequences) == [b"1"] * len(others) + [b"2"]


async def test_events_wait_for_a_topic_that_is_not_declared_yet(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is lost, and the relay says what it waits for."""
    monkeypatch.setattr(fencing, "REQUEST_TIMEOUT_MS", 1000)
    relay, missing = shop.relay(), placed()
    await shop.record(missing, wake=relay.wake)
    await shop.rows("UPDATE outbox SET topic = 'elsewhere'")
    async with running(relay):
        await eventually(lambda: not relay.healthy, within=20)
        await shop.rows("UPDATE outbox SET topic = 'orders'")
        await eventually(shop.outbox_is_empty, within=20)


async def test_the_relay_measures_what_waits(shop: Stand) -> None:
    await shop.record(*(product(number, 1) for number in range(7)))
    before = _metric("events_published_total", service="measured", topic="products")
    async with running(shop.relay("measured")):
        await eventually(lambda: _metric("events_published_total", service="measured", topic="products") == before + 7)
        await eventually(lambda: _metric("events_relay_active", service="measured") == 1)
        await eventually(lambda: _metric("events_outbox_rows", service="measured") == 0, within=10)


class Observed:
    """A connection that remembers above which id the last read began."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.floor = -1

    async def fetch(self, sql: str, floor: int, limit: int) -> Any:
        self.floor = floor
        return await self._connection.fetch(sql, floor, limit)

    async def execute(self, sql: str, ids: list[int]) -> None:
        await self._connection.execute(sql, ids)


def _metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def _record_and_roll_back(shop: Stand, wake: Callable[[], None]) -> None:
    async with shop.outbox(wake).transaction() as transaction:
        transaction.record([placed()])
        await transaction.flush()
        raise RuntimeError("changed my mind")


async def _published(shop: Stand, key: str) -> bool:
    return key in {found.key.decode() for found in await read(shop.kafka, "orders")}
