"""A sampled trace goes on through an event, step by step; an unsampled one goes on as it is and leaves nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from events.catalogue import OrderPlaced, StockReserved
from events.envelope import Envelope, record
from events.outbox import Transaction
from kit.trace_context import child
from tests import span_file
from tests.events.stand import NOON, Stand, note, placed, running
from tests.span_file import SAMPLED, UNSAMPLED, recorded
from tests.waiting import eventually


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    with recorded(tmp_path, "products") as path:
        yield path


def lines(file: Path) -> dict[str, dict[str, Any]]:
    """By kind and what; there must not be two alike."""
    found = span_file.lines(file)
    named = {f"{line['kind']} {line['what']}": line for line in found}
    assert len(named) == len(found)
    return named


async def reserve(transaction: Transaction, envelopes: Sequence[Envelope[OrderPlaced]]) -> None:
    await note(transaction, envelopes)
    reserved = (StockReserved(order_id=envelope.data.order_id, product_id=2, quantity=1) for envelope in envelopes)
    transaction.record(record(event, sequence=1, time=NOON) for event in reserved)


async def trace_in_outbox(shop: Stand) -> str:
    headers = orjson.loads(await shop.value("SELECT headers FROM outbox"))
    return str(headers["traceparent"])


async def test_an_event_is_recorded_published_and_handled_and_its_answer_follows_from_that(
    shop: Stand, file: Path
) -> None:
    relay = shop.relay()
    async with running(relay):
        await shop.record(replace(placed(), traceparent=SAMPLED), wake=relay.wake)
        await eventually(shop.outbox_is_empty)
    async with running(shop.loop({OrderPlaced: reserve})):
        await eventually(shop.effects)
    await eventually(lambda: len(lines(file)) == 4)
    found = lines(file)
    event, handled = found["event OrderPlaced"], found["transaction handle OrderPlaced"]
    assert event["parent"] == "b2" * 8
    assert found["published shop.orders.OrderPlaced.v1"]["parent"] == event["span"]
    assert handled["parent"] == event["span"]
    assert found["event StockReserved"]["parent"] == handled["span"]
    assert await trace_in_outbox(shop) == child(SAMPLED, found["event StockReserved"]["span"])
    assert {line["trace"] for line in found.values()} == {"a1" * 16}


async def test_an_unsampled_trace_goes_through_all_of_it_unchanged_and_leaves_no_line(shop: Stand, file: Path) -> None:
    relay = shop.relay()
    async with running(relay):
        await shop.record(replace(placed(), traceparent=UNSAMPLED), wake=relay.wake)
        await eventually(shop.outbox_is_empty)
    async with running(shop.loop({OrderPlaced: reserve})):
        await eventually(shop.effects)
    assert await trace_in_outbox(shop) == UNSAMPLED
    assert lines(file) == {}


async def test_what_was_rolled_back_is_no_event(shop: Stand, file: Path) -> None:
    async def fail() -> None:
        async with shop.outbox().transaction() as transaction:
            transaction.record([replace(placed(), traceparent=SAMPLED)])
            await transaction.flush()
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError):
        await fail()
    assert lines(file) == {}
