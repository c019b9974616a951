"""A dead letter that was requeued is handled by its consumer once, or is a dead letter again."""

import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import orjson
import pytest

from events import requeued as module
from events.catalogue import Event, OrderCancelled, OrderPlaced
from events.envelope import Envelope, encode
from events.outbox import Transaction
from events.reactions import Handler
from events.requeued import Requeued, requeued_reactions
from tests.events.again import GATE, answer
from tests.events.stand import Stand, cancelled, note, placed, publish, publish_raw, running
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)


def again(shop: Stand, reactions: dict[type[Event], Handler] | None = None, *, consumer: str = "products") -> Requeued:
    return requeued_reactions(consumer, shop.outbox(), reactions or {OrderPlaced: note, OrderCancelled: note})


async def refuse(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
    await note(transaction, envelopes)
    raise ZeroDivisionError("cannot divide this order")


def refusing(poison: Iterable[Envelope[Any]]) -> Handler:
    ids = {envelope.id for envelope in poison}

    async def handle(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await (refuse if ids & {envelope.id for envelope in envelopes} else note)(transaction, envelopes)

    return handle


async def die(
    shop: Stand, events: Sequence[Envelope[Any]], *, poison: Sequence[Envelope[Any]] = (), consumer: str = "products"
) -> None:
    """Publishes them; the consumer handles all but ``poison`` (all of them, if none is named), which die."""
    await publish(shop.kafka, events)
    handler = refusing(poison or events)
    async with running(shop.loop({OrderPlaced: handler, OrderCancelled: handler}, consumer=consumer)):
        await eventually(lambda: reached(shop, consumer, len(events)))


async def reached(shop: Stand, consumer: str, end: int) -> bool:
    sql = "SELECT coalesce(sum(next_offset), 0) >= $2 FROM positions WHERE consumer = $1"
    return bool(await shop.value(sql, consumer, end))


async def requeue(shop: Stand, consumer: str = "products") -> None:
    await shop.rows("UPDATE dead_letters SET requeued_at = now() WHERE consumer = $1 RETURNING id", consumer)


async def none_is_requeued(shop: Stand) -> bool:
    return bool(await shop.value("SELECT count(*) = 0 FROM dead_letters WHERE requeued_at IS NOT NULL"))


async def letters(shop: Stand) -> int:
    number: int = await shop.value("SELECT count(*) FROM dead_letters")
    return number


async def test_once_the_cause_is_fixed_the_event_has_its_effect_and_no_other_has_it_again(shop: Stand) -> None:
    orders = [placed() for _ in range(30)]
    await die(shop, orders, poison=[orders[11]])
    before = await shop.rows("SELECT * FROM positions")

    await requeue(shop)
    async with running(again(shop), shop.loop()):
        await eventually(lambda: none_is_requeued(shop))

    assert sorted(await shop.effects()) == sorted(order.key for order in orders)
    assert await letters(shop) == 0
    assert await shop.rows("SELECT * FROM positions") == before


async def test_a_dead_letter_that_nobody_requeued_is_left_alone(shop: Stand) -> None:
    await die(shop, [placed(), placed()])
    await shop.rows("UPDATE dead_letters SET discarded_at = now(), discarded_why = 'a test' WHERE partition = 0")
    assert not await again(shop).handle_next()
    assert await letters(shop) == 2


async def test_a_requeue_reaches_that_consumer_and_no_other(shop: Stand) -> None:
    order = placed()
    await die(shop, [order])
    async with running(shop.loop({OrderPlaced: refuse}, consumer="delivery")):
        await eventually(lambda: reached(shop, "delivery", 1))

    await requeue(shop, "products")
    async with running(again(shop, {OrderPlaced: refuse}, consumer="delivery"), again(shop)):
        await eventually(lambda: none_is_requeued(shop))

    assert await shop.effects() == [order.key]
    assert await shop.rows("SELECT consumer, attempts FROM dead_letters") == [("delivery", 2)]


async def test_effects_answers_and_the_removal_of_the_dead_letter_are_one_transaction(shop: Stand) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    order = placed()
    key, value, headers = encode(order)
    await publish_raw(shop.kafka, "orders", value, [*headers, ("traceparent", trace.encode())], key=key)
    async with running(shop.loop({OrderPlaced: refuse})):
        await eventually(lambda: reached(shop, "products", 1))

    async def announce_and_fail(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await answer(transaction, envelopes)
        await transaction.flush()
        raise ValueError("at the last moment")

    await requeue(shop)
    assert await again(shop, {OrderPlaced: announce_and_fail}).handle_next()
    assert (await shop.effects(), await shop.outbox_is_empty(), await letters(shop)) == ([], True, 1)

    await requeue(shop)
    assert await again(shop, {OrderPlaced: answer}).handle_next()
    assert (await shop.effects(), await letters(shop)) == ([order.key], 0)
    ((topic, answered, headers),) = await shop.rows("SELECT topic, key, headers FROM outbox")
    assert (topic, answered) == ("stock", order.key.encode())
    assert orjson.loads(headers)["traceparent"] == trace


async def test_one_that_fails_still_comes_back_with_its_attempts_and_the_new_error(shop: Stand) -> None:
    order, other = placed(), placed()
    await die(shop, [order, other])
    was = dict(await shop.rows("SELECT id, died_at FROM dead_letters"))
    attempts = await shop.value("SELECT max(attempts) FROM dead_letters WHERE event_id = $1", str(order.id))

    async def still_not(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if envelopes[0].key == order.key:
            raise ValueError("still not")

    await requeue(shop)
    async with running(again(shop, {OrderPlaced: still_not})):
        await eventually(lambda: none_is_requeued(shop))

    assert await shop.effects() == [other.key]
    ((id, error, traceback, tried, died_at),) = await shop.rows(
        "SELECT id, error, traceback, attempts, died_at FROM dead_letters"
    )
    assert (error, tried) == ("ValueError: still not", attempts + 1)
    assert "in still_not" in traceback
    assert died_at > was[id]


async def test_a_transient_failure_is_tried_again_until_it_passes(shop: Stand) -> None:
    failures = [ConnectionResetError("gone"), asyncpg.DeadlockDetectedError("a deadlock"), TimeoutError()]

    async def fail_at_first(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if failures:
            raise failures.pop()

    order = placed()
    await die(shop, [order])
    await requeue(shop)
    async with running(again(shop, {OrderPlaced: fail_at_first})):
        await eventually(lambda: none_is_requeued(shop))
    assert (await shop.effects(), await letters(shop)) == ([order.key], 0)


async def test_events_of_one_aggregate_are_handled_in_their_order_also_by_several_replicas(shop: Stand) -> None:
    orders = [uuid.uuid4() for _ in range(6)]
    events = [placed(order, sequence=number) for number in range(1, 9) for order in orders]
    await die(shop, events)
    seen: dict[str, list[int]] = {str(order): [] for order in orders}

    async def remember(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        for one in envelopes:
            seen[one.key].append(one.sequence)  # before the commit: of two commits the later may be heard of first

    await requeue(shop)
    async with running(*(again(shop, {OrderPlaced: remember}) for _ in range(3))):
        await eventually(lambda: none_is_requeued(shop))
        await eventually(lambda: sum(map(len, seen.values())) == len(events))

    assert seen == {str(order): list(range(1, 9)) for order in orders}
    assert len(await shop.effects()) == len(events)


async def test_of_one_aggregate_an_earlier_event_may_be_handled_after_later_ones(shop: Stand) -> None:
    """What a dead letter does to the order within one aggregate, as docs/delivery-guarantees.md says."""
    order = uuid.uuid4()
    first, later = placed(order), cancelled(order)
    await die(shop, [first, later], poison=[first])
    await requeue(shop)
    async with running(again(shop)):
        await eventually(lambda: none_is_requeued(shop))
    assert await shop.rows("SELECT type FROM effects ORDER BY id") == [("OrderCancelled",), ("OrderPlaced",)]


@pytest.mark.parametrize("remembered", [True, False], ids=["in the inbox", "pruned from the inbox"])
async def test_a_copy_that_is_published_late_has_no_second_effect(shop: Stand, remembered: bool) -> None:
    order = placed()
    await die(shop, [order])
    if not remembered:
        await shop.rows("DELETE FROM inbox")
    await requeue(shop)
    assert await again(shop).handle_next()

    await publish(shop.kafka, [order, last := placed()])
    async with running(shop.loop()):
        await eventually(lambda: reached(shop, "products", 3))
    assert await shop.effects() == [order.key, last.key]


async def test_one_of_a_type_that_is_not_handled_any_more_comes_back_and_is_not_dropped(shop: Stand) -> None:
    await die(shop, [placed()])
    await requeue(shop)
    assert await again(shop, {OrderCancelled: note}).handle_next()
    ((error, requeued_at),) = await shop.rows("SELECT error, requeued_at FROM dead_letters")
    assert error == "NotHandled: products does not handle events of this type"
    assert requeued_at is None


async def test_what_cannot_be_read_still_comes_back(shop: Stand) -> None:
    await publish_raw(shop.kafka, "orders", b"\xff\x00", [("ce_type", b"shop.orders.OrderPlaced.v1"), ("odd", None)])
    async with running(shop.loop()):
        await eventually(lambda: reached(shop, "products", 1))
    await requeue(shop)
    assert await again(shop).handle_next()
    assert await shop.rows("SELECT split_part(error, ':', 1), attempts, value FROM dead_letters") == [
        ("Malformed", 2, b"\xff\x00")
    ]


async def test_a_record_that_is_read_again_and_dies_again_is_not_requeued_any_more(shop: Stand) -> None:
    await die(shop, [placed()])
    await requeue(shop)
    await _read_again(shop, refuse)
    assert await shop.rows("SELECT requeued_at, attempts > 2 FROM dead_letters") == [(None, True)]


async def test_a_decision_to_discard_holds_for_the_failure_it_was_made_for(shop: Stand) -> None:
    async def otherwise(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        raise LookupError("something else")

    await die(shop, [placed()])
    await shop.rows("UPDATE dead_letters SET discarded_at = now(), discarded_why = 'divided by hand'")
    await _read_again(shop, refuse)
    assert await shop.value("SELECT discarded_why FROM dead_letters") == "divided by hand"
    await _read_again(shop, otherwise)
    assert await shop.rows("SELECT discarded_at, discarded_why FROM dead_letters") == [(None, None)]


async def test_a_process_killed_before_its_commit_has_done_nothing_and_the_next_one_does_it(shop: Stand) -> None:
    order = placed()
    await die(shop, [order])
    await requeue(shop)
    gate = await asyncpg.connect(shop.url)
    await gate.execute("SELECT pg_advisory_lock($1)", GATE)
    with process(shop) as first:
        await eventually(lambda: shop.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        first.kill()
        first.wait(20)
    await gate.close()
    assert (await shop.effects(), await shop.outbox_is_empty(), await none_is_requeued(shop)) == ([], True, False)

    with process(shop):
        await eventually(lambda: none_is_requeued(shop))
    assert (await shop.effects(), await letters(shop)) == ([order.key], 0)
    assert await shop.value("SELECT count(*) FROM outbox") == 1


async def test_processes_killed_at_any_moment_lose_and_repeat_nothing(shop: Stand) -> None:
    orders = [placed() for _ in range(400)]
    await die(shop, orders)
    await requeue(shop)
    for done in (20, 60, 130):

        async def so_many(done: int = done) -> bool:
            return len(await shop.effects()) >= done

        with process(shop) as one, process(shop) as other:
            await eventually(so_many, every=0.001)
            one.kill()
            other.kill()
            one.wait(20)
            other.wait(20)
    assert not await none_is_requeued(shop), "they were killed in the middle"
    with process(shop):
        await eventually(lambda: none_is_requeued(shop), within=60)
    assert sorted(await shop.effects()) == sorted(order.key for order in orders)
    assert await shop.value("SELECT count(DISTINCT key) = 400 AND count(*) = 400 FROM outbox")
    assert await letters(shop) == 0


@contextmanager
def process(shop: Stand) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen([sys.executable, "-m", "tests.events.again", shop.url])
    try:
        yield running
    finally:
        running.kill()
        running.wait()


async def _read_again(shop: Stand, handler: Handler) -> None:
    """As after a replay by hand: the position goes back and the inbox forgets."""
    await shop.rows("DELETE FROM inbox")
    before = await shop.value("SELECT died_at FROM dead_letters")
    await shop.rows("UPDATE positions SET next_offset = 0")

    async def died_again() -> bool:
        return bool(await shop.value("SELECT died_at FROM dead_letters") > before)

    async with running(shop.loop({OrderPlaced: handler})):
        await eventually(died_again)
