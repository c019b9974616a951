"""The reactions loop: every event has its effect once, or is a dead letter that says why."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka.protocol.admin import DeleteGroupsRequest

from events import topics
from events.arrivals import Reader
from events.catalogue import OrderConfirmed, OrderPlaced, StockReserved
from events.envelope import Envelope, Malformed, encode, record
from events.kafka import Kafka
from events.outbox import Outbox, Transaction
from events.positions import PositionMoved
from tests.events.stand import (
    NOON,
    Stand,
    admin,
    cancelled,
    delete,
    note,
    placed,
    publish,
    publish_raw,
    recreate,
    running,
)
from tests.waiting import eventually


async def test_an_event_has_its_effect(shop: Stand) -> None:
    events = [placed() for _ in range(50)]
    await publish(shop.kafka, events)
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 50))
    assert sorted(await shop.effects()) == sorted(event.key for event in events)


async def test_redelivery_has_no_second_effect(shop: Stand) -> None:
    """Kafka's own offsets are thrown away: it delivers from the beginning, the position knows better."""
    await publish(shop.kafka, [placed() for _ in range(20)])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    await _forget_group(shop)
    await publish(shop.kafka, [placed()])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 21))
    assert len(await shop.effects()) == 21


async def test_an_event_published_twice_has_no_second_effect(shop: Stand) -> None:
    twice = [placed() for _ in range(20)]
    await publish(shop.kafka, [*twice, *twice])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
        await publish(shop.kafka, [*twice, placed()])
        await eventually(lambda: _count(shop, 21))
    assert len(await shop.effects()) == 21


async def test_a_replayed_position_has_no_second_effect(shop: Stand) -> None:
    await publish(shop.kafka, [placed() for _ in range(20)])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    await shop.rows("UPDATE positions SET next_offset = 0")
    await publish(shop.kafka, [placed()])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 21))


async def test_effects_and_answers_are_committed_together_and_carry_the_trace(shop: Stand) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def reserve(transaction: Transaction, envelopes: Sequence[Envelope[OrderPlaced]]) -> None:
        await note(transaction, envelopes)
        transaction.record(
            record(StockReserved(order_id=e.data.order_id, product_id=2, quantity=1), sequence=1, time=NOON)
            for e in envelopes
        )

    event = placed()
    key, value, headers = encode(event)
    await publish_raw(shop.kafka, "orders", value, [*headers, ("traceparent", trace.encode())], key=key)
    async with running(shop.loop({OrderPlaced: reserve})):
        await eventually(lambda: _count(shop, 1))
    ((topic, key, headers),) = await shop.rows("SELECT topic, key, headers FROM outbox")
    assert (topic, key) == ("stock", event.key.encode())
    assert orjson.loads(headers)["traceparent"] == trace


async def test_types_that_are_not_handled_are_passed_and_the_position_moves_on(shop: Stand) -> None:
    confirmed = OrderConfirmed(order_id=uuid.uuid4(), product_id=2, quantity=1, amount=500)
    await publish(shop.kafka, [record(confirmed, sequence=2, time=NOON)])
    await publish_raw(shop.kafka, "orders", b"{}", [("ce_type", b"shop.orders.NeverHeardOf.v9")])
    async with running(shop.loop()):
        await eventually(lambda: _stands_at(shop, 2))
    assert await shop.effects() == []
    assert await shop.rows("SELECT * FROM dead_letters") == []


async def test_a_rebalance_loses_and_repeats_nothing(shop: Stand) -> None:
    events = [placed() for _ in range(600)]

    async def feed() -> None:
        for start in range(0, len(events), 20):
            await publish(shop.kafka, events[start : start + 20])

    async with running(shop.loop(batch_size=10)):
        feeding = asyncio.create_task(feed())
        await eventually(lambda: _count(shop, 50))
        async with running(shop.loop(batch_size=10)):
            await eventually(lambda: _count(shop, 300))
            async with running(shop.loop(batch_size=10)):
                await eventually(lambda: _count(shop, 400))
        await feeding
        await eventually(lambda: _count(shop, 600))
    assert sorted(await shop.effects()) == sorted(event.key for event in events)


async def test_a_zombie_generation_is_stopped_by_the_position(shop: Stand) -> None:
    """A replica freezes with a batch in hand and does not notice that its partitions are another's by now. When it goes
    on, its transaction finds the positions moved, and all of it is rolled back, even without the inbox."""
    await publish(shop.kafka, [placed() for _ in range(10)])
    frozen = FrozenOutbox(shop)
    async with running(shop.loop(outbox=frozen, kafka=OwnGroup(shop.kafka.bootstrap_servers, shop.kafka.prefix))):
        await frozen.reached.wait()
        async with running(shop.loop()):
            await eventually(lambda: _count(shop, 10))
        await shop.rows("DELETE FROM inbox")
        frozen.go_on.set()
        await eventually(lambda: frozen.rolled_back)
        assert len(await shop.effects()) == 10
        await publish(shop.kafka, [placed()])
        await eventually(lambda: _count(shop, 11))
    assert len(await shop.effects()) == 11


async def test_two_replicas_that_both_believe_they_own_everything_repeat_nothing(shop: Stand) -> None:
    events = [placed() for _ in range(300)]
    one = shop.loop(batch_size=7)
    other = shop.loop(batch_size=5, kafka=OwnGroup(shop.kafka.bootstrap_servers, shop.kafka.prefix))
    async with running(one, other):
        for start in range(0, len(events), 30):
            await publish(shop.kafka, events[start : start + 30])
        await eventually(lambda: _count(shop, 300))
        await eventually(lambda: _stands_at(shop, 300))
    assert sorted(await shop.effects()) == sorted(event.key for event in events)


async def test_a_poison_event_becomes_a_dead_letter_and_the_others_go_through(shop: Stand) -> None:
    events = [placed() for _ in range(31)]
    poison = events[17]

    async def choke(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if poison.key in {envelope.key for envelope in envelopes}:
            raise ZeroDivisionError("cannot divide this order")

    await publish(shop.kafka, events)
    async with running(shop.loop({OrderPlaced: choke})):
        await eventually(lambda: _count(shop, 30))
        await eventually(lambda: _stands_at(shop, 31))
    assert sorted(await shop.effects()) == sorted(event.key for event in events if event is not poison)
    (letter,) = await shop.rows(
        "SELECT key, value, headers, event_type, event_id, error, traceback, attempts > 1 FROM dead_letters"
    )
    key, value, headers = encode(poison)
    assert letter[:2] == (key, value)
    assert {name for name, _ in orjson.loads(letter[2])} == {name for name, _ in headers}
    assert letter[3:6] == (
        "shop.orders.OrderPlaced.v1",
        str(poison.id),
        "ZeroDivisionError: cannot divide this order",
    )
    assert "in choke" in letter[6]
    assert letter[7]


async def test_a_poison_event_in_the_middle_leaves_the_order_of_its_aggregate(shop: Stand) -> None:
    order = uuid.uuid4()
    events = [placed(order, sequence=number) for number in range(1, 10)]
    seen: list[int] = []

    async def choke(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        if any(envelope.sequence == 5 for envelope in envelopes):
            raise ValueError("the fifth")
        transaction.after_commit(lambda: seen.extend(envelope.sequence for envelope in envelopes))

    await publish(shop.kafka, events)
    async with running(shop.loop({OrderPlaced: choke})):
        await eventually(lambda: len(seen) == 8)
    assert seen == [1, 2, 3, 4, 6, 7, 8, 9]


async def test_placed_then_cancelled_in_one_batch_stays_in_this_order(shop: Stand) -> None:
    orders = [uuid.uuid4() for _ in range(10)]
    again = [placed(order, sequence=3) for order in orders]
    await publish(shop.kafka, [*map(placed, orders), *map(cancelled, orders), *again])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 30))
    rows = await shop.rows("SELECT key, array_agg(type ORDER BY id) FROM effects GROUP BY key")
    assert dict(rows) == {str(order): ["OrderPlaced", "OrderCancelled", "OrderPlaced"] for order in orders}


async def test_what_cannot_be_read_is_a_dead_letter_at_once(shop: Stand) -> None:
    good = placed()
    unreadable: dict[bytes | None, list[tuple[str, bytes]]] = {
        b"newer": [("ce_type", b"shop.orders.OrderPlaced.v2")],
        b"{}": [("ce_type", b"shop.orders.OrderPlaced.v1")],
        b"\xff\x00": [("ce_type", b"shop.orders.OrderPlaced.v1")],
        None: [("ce_type", b"shop.orders.OrderPlaced.v1"), ("ce_id", b"a\0b"), ("ce_source", b"\xff")],
        b"no version": [("ce_type", b"shop.orders.OrderPlaced")],
        b"endless id": [("ce_id", b"x" * 100_000), ("ce_source", b"somewhere")],
        b"no headers at all": [],
    }
    for value, headers in unreadable.items():
        await publish_raw(shop.kafka, "orders", value, headers)
    await publish(shop.kafka, [good])
    async with running(shop.loop()):
        await eventually(lambda: _stands_at(shop, 8))
    assert await shop.effects() == [good.key]
    letters = await shop.rows("SELECT value, split_part(error, ':', 1), attempts FROM dead_letters ORDER BY \"offset\"")
    expected = [(value, "UnknownVersion" if value == b"newer" else "Malformed", 1) for value in unreadable]
    assert letters == expected


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_time", "ce_sequence", "ce_specversion", "ce_type"])
async def test_a_header_without_a_value_is_a_header_that_is_missing(shop: Stand, name: str) -> None:
    """Kafka allows null there. It is the record's fault and not a reason to stand still."""
    good, (key, value, headers) = placed(), encode(placed())
    await publish_raw(shop.kafka, "orders", value, [(n, None if n == name else v) for n, v in headers], key=key)
    await publish(shop.kafka, [good])
    async with running(shop.loop()):
        await eventually(lambda: _stands_at(shop, 2))
    assert await shop.effects() == [good.key]
    ((error, raw),) = await shop.rows("SELECT error, headers FROM dead_letters")
    assert error.startswith("Malformed: ")
    assert dict(orjson.loads(raw))[name] is None


async def test_an_optional_header_without_a_value_takes_nothing_from_the_event(shop: Stand) -> None:
    key, value, headers = encode(placed())
    await publish_raw(shop.kafka, "orders", value, [*headers, ("traceparent", None), ("other", None)], key=key)
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 1))


def test_whatever_goes_wrong_with_one_record_is_that_records_fault() -> None:
    class Broken:
        topic, partition, offset, timestamp = "t.orders", 0, 7, 0
        key, value = b"k", b"{}"
        headers: Any = ("not", "pairs")

    arrival = Reader([OrderPlaced]).read(Broken())
    assert isinstance(arrival.error, Malformed)
    assert isinstance(arrival.error.__cause__, ValueError)
    assert arrival.identity == ("kafka:t.orders", "0-7")


async def test_an_event_that_fails_alone_is_given_a_second_chance(shop: Stand) -> None:
    """Not every failure that passes by itself is known as one."""
    failures: list[Exception] = [ZeroDivisionError("this once")]

    async def stumble(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if failures:
            raise failures.pop()

    await publish(shop.kafka, [placed()])
    async with running(shop.loop({OrderPlaced: stumble})):
        await eventually(lambda: _count(shop, 1))
    assert await shop.rows("SELECT * FROM dead_letters") == []


async def test_a_table_that_changed_under_a_prepared_statement_buries_nothing(shop: Stand) -> None:
    async def recall(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await transaction.raw.fetch("SELECT * FROM effects")
        await note(transaction, envelopes)

    await publish(shop.kafka, [placed()])
    async with running(shop.loop({OrderPlaced: recall})):
        await eventually(lambda: _count(shop, 1))
        await shop.rows("ALTER TABLE effects ALTER COLUMN id TYPE numeric")
        await publish(shop.kafka, [placed()])
        await eventually(lambda: _stands_at(shop, 2))
    assert await _count(shop, 2)
    assert await shop.rows("SELECT * FROM dead_letters") == []


async def test_a_dead_letter_published_twice_is_one_dead_letter(shop: Stand) -> None:
    headers = [
        ("ce_type", b"shop.orders.OrderPlaced.v2"),
        ("ce_id", str(uuid.uuid4()).encode()),
        ("ce_source", b"/shop/orders"),
    ]
    for _ in range(2):
        await publish_raw(shop.kafka, "orders", b"{}", headers)
    async with running(shop.loop()):
        await eventually(lambda: _stands_at(shop, 2))
    assert await shop.value("SELECT count(*) FROM dead_letters") == 1


async def test_a_transient_failure_is_tried_again_until_it_passes(shop: Stand) -> None:
    failures = [
        ConnectionResetError("gone"),
        asyncpg.DeadlockDetectedError("a deadlock"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.CannotConnectNowError("starting"),
        TimeoutError(),
    ]

    async def fail_at_first(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if failures:
            raise failures.pop()

    await publish(shop.kafka, [placed() for _ in range(5)])
    loop = shop.loop({OrderPlaced: fail_at_first})
    async with running(loop):
        await eventually(lambda: _count(shop, 5))
        await eventually(lambda: loop.healthy)
    assert await shop.rows("SELECT * FROM dead_letters") == []


async def test_a_consumer_goes_on_where_it_stopped_when_kafka_has_forgotten_its_group(shop: Stand) -> None:
    """Off for longer than the broker keeps an idle group's offsets (a week by default)."""
    before, missed = [placed() for _ in range(20)], [placed() for _ in range(5)]
    await publish(shop.kafka, before)
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    await shop.rows("DELETE FROM inbox")  # pruned meanwhile, too: nothing but the position is left
    await publish(shop.kafka, missed)
    await _forget_group(shop)
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 25))
        await publish(shop.kafka, [placed()])
        await eventually(lambda: _count(shop, 26))
    assert sorted((await shop.effects())[:25]) == sorted(event.key for event in [*before, *missed])


async def test_a_new_consumer_begins_at_the_beginning(shop: Stand) -> None:
    await publish(shop.kafka, [placed() for _ in range(3)])
    async with running(shop.loop(consumer="one")):
        await eventually(lambda: _count(shop, 3))
    async with running(shop.loop(consumer="another")):
        await eventually(lambda: _count(shop, 6))


async def test_a_topic_that_was_recreated_is_an_error_and_never_skipped(shop: Stand) -> None:
    await publish(shop.kafka, [placed() for _ in range(20)])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    await recreate(shop.kafka, "orders")
    await publish(shop.kafka, [placed()])
    loop = shop.loop()
    async with running(loop):
        await eventually(lambda: "TopicRecreated" in str(loop.last_error))
        assert not loop.healthy
        assert await _count(shop, 20)
        await shop.rows("UPDATE positions SET next_offset = 0")
        await eventually(lambda: _count(shop, 21))
        await eventually(lambda: loop.healthy)


async def test_a_missing_topic_makes_the_consumer_wait_and_say_so(shop: Stand) -> None:
    await delete(shop.kafka, "orders")
    loop = shop.loop()
    async with running(loop):
        await eventually(lambda: "TopicMissing" in str(loop.last_error))
        await topics.declare(shop.kafka, partitions=2, say=lambda _: None)
        await publish(shop.kafka, [placed()])
        await eventually(lambda: _count(shop, 1))


async def test_offsets_are_reported_to_kafka_for_lag_tools(shop: Stand) -> None:
    await publish(shop.kafka, [placed() for _ in range(20)])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    async with admin(shop.kafka) as client:
        offsets = await client.list_consumer_group_offsets(shop.kafka.group("products"))
    assert sum(entry.offset for entry in offsets.values()) == 20


async def test_a_consumer_that_starts_reports_where_it_stands_even_when_nothing_comes(shop: Stand) -> None:
    """Otherwise lag tools see what it reported before it was killed, for good."""
    await publish(shop.kafka, [placed() for _ in range(20)])
    async with running(shop.loop()):
        await eventually(lambda: _count(shop, 20))
    await _forget_group(shop)

    async def reported() -> bool:
        async with admin(shop.kafka) as client:
            offsets = await client.list_consumer_group_offsets(shop.kafka.group("products"))
        return bool(sum(entry.offset for entry in offsets.values()) == 20)

    async with running(shop.loop()):
        await eventually(reported, every=0.2)


def test_a_consumer_must_read_the_topics_of_what_it_handles(shop: Stand) -> None:
    with pytest.raises(ValueError, match="StockReserved"):
        shop.loop({OrderPlaced: note, StockReserved: note})


async def _count(shop: Stand, number: int) -> bool:
    return bool(await shop.value("SELECT count(*) >= $1 FROM effects", number))


async def _stands_at(shop: Stand, total: int) -> bool:
    return bool(await shop.value("SELECT coalesce(sum(next_offset), 0) = $1 FROM positions", total))


class FrozenOutbox(Outbox):
    """Whose first transaction does not begin before it is told to."""

    def __init__(self, shop: Stand) -> None:
        super().__init__(shop.database, lambda: None)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.rolled_back = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.reached.set()
        await self.go_on.wait()
        try:
            async with super().transaction() as transaction:
                yield transaction
        except PositionMoved:
            self.rolled_back = True
            raise


class OwnGroup(Kafka):
    """A consumer in another group than its fellows has all partitions, as a zombie believes it has."""

    def group(self, consumer: str) -> str:
        return f"{super().group(consumer)}.zombie"


async def _forget_group(shop: Stand) -> None:
    """What the broker does by itself to a group that was idle for offsets.retention.minutes."""
    group = shop.kafka.group("products")
    async with admin(shop.kafka) as client:
        coordinator = await client.find_coordinator(group)
        answer = await client._send_request_to_node(coordinator, DeleteGroupsRequest([group]))
        assert answer.results == [(group, 0)]
        assert await client.list_consumer_group_offsets(group) == {}
