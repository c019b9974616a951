"""Looking into real topics: what is shown, in which order, and that nothing is passed over."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console

from events.catalogue import CATALOGUE
from events.kafka import Kafka
from events.partitioning import partition_of
from events.topics import declare
from kit.ids import new_id
from lab.replay import moments
from lab.replay.topic import TopicReader
from lab.watching.event_lines import journey_table, says, show_lines
from lab.watching.journey import SERVICE, TOPICS
from lab.watching.looking import first_of, journey_of, last_of, window
from lab.watching.sentences import SENTENCES, sentence
from lab.watching.sightings import Sighting, Tally
from tests.lab.watching.stand import Topics, changed, confirmed, placed, reserved, started
from tests.waiting import eventually

ALL = tuple(SERVICE)


@pytest.fixture
async def topics(kafka: Kafka) -> AsyncIterator[Topics]:
    await declare(kafka, partitions=3, say=lambda line: None)
    producer: Any = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    yield Topics(kafka, producer)
    await producer.stop()


async def everything(
    topics: Topics, since: str = "beginning", until: str = "end", count: int | None = None
) -> list[Sighting]:
    async with TopicReader(topics.kafka, ALL) as reader:
        part = await window(reader, moments.parse(since), moments.parse(until))
        return [one async for batch in first_of(reader, part, count) for one in batch]


async def journey(topics: Topics, order: UUID) -> list[tuple[Sighting, bool]]:
    async with TopicReader(topics.kafka, TOPICS) as reader:
        part = await window(reader, moments.parse("beginning"), moments.parse("end"))
        return await journey_of(reader, order, part, lambda read, total: None)


def test_there_are_words_for_every_event() -> None:
    assert set(SENTENCES) == set(CATALOGUE)


async def test_events_of_all_topics_come_in_the_order_in_which_they_were_appended(topics: Topics) -> None:
    orders = [new_id() for _ in range(20)]
    for order in orders:
        for sequence, event in enumerate((placed(order), reserved(order), started(order)), 1):
            await topics.publish(event, sequence)
    await topics.publish(changed(2), 1)
    found = await everything(topics)
    times = [one.appended for one in found]
    assert times == sorted(times)
    assert len(found) == 61
    assert [one.place for one in await everything(topics, count=7)] == [one.place for one in found[:7]]
    async with TopicReader(topics.kafka, ALL) as reader:
        part = await window(reader, moments.parse("beginning"), moments.parse("end"))
        assert part.total == 61
        for count in (0, 1, 7, 61, 100):
            last = await last_of(reader, part, count)
            assert [one.place for one in last] == [one.place for one in found[len(found) - min(count, 61) :]]


async def test_what_lies_between_two_moments_is_shown_exactly_once(topics: Topics) -> None:
    async def next_millisecond() -> bool:
        await topics.publish(placed(new_id()), 1)
        found = await everything(topics)
        return len({one.appended for one in found}) >= 6

    await eventually(next_millisecond)
    found = await everything(topics)
    middle = found[len(found) // 2].appended.isoformat()
    before, after = await everything(topics, until=middle), await everything(topics, since=middle)
    assert sorted(one.place for one in before + after) == sorted(one.place for one in found)
    assert max(one.appended for one in before) < min(one.appended for one in after)


async def test_records_that_cannot_be_read_or_are_unknown_are_shown_and_counted(topics: Topics) -> None:
    order = new_id()
    await topics.publish(placed(order), 1)
    await topics.garble("orders", b"\xff", b"shop.orders.OrderPlaced.v1")
    await topics.garble("orders", b"k", b"shop.orders.Unheard.v7")
    found = await everything(topics)
    tally = Tally()
    for one in found:
        tally.add(one)
    told = (
        "3 events shown; 1 of unknown types (1 shop.orders.Unheard.v7); 1 cannot be read (1 shop.orders.OrderPlaced.v1)"
    )
    assert str(tally) == told
    good, bad, unknown = (json.loads(json.dumps(one.as_dict())) for one in found)
    assert good["data"]["customerName"] == "Kim"
    assert (good["type"], good["key"], good["sequence"]) == ("shop.orders.OrderPlaced.v1", str(order), 1)
    assert bad["error"].startswith("Malformed: shop.orders.OrderPlaced.v1")
    assert (bad["key"], bad["value"]) == ("\\xff", "G1sySm5vdGhpbmc=")
    assert (unknown["error"], unknown["value"]) == ("unknown type", "G1sySm5vdGhpbmc=")
    screen = StringIO()
    show_lines(found, Console(file=screen, width=100, color_system=None))
    lines = screen.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(f"OrderPlaced                {order}  2 x MASK for 400.00, Kim")
    assert "cannot be read: Malformed: shop.orders.OrderPlaced.v1" in lines[1]
    assert "shop.orders.Unheard.v7" in lines[2]


async def test_an_order_is_told_in_causal_order_whatever_the_clocks_of_the_services_say(topics: Topics) -> None:
    order = new_id()
    await topics.publish(placed(order), 1, at=5.0)
    await topics.publish(placed(new_id()), 1)
    await topics.publish(started(order), 2, at=1.0)
    await topics.publish(reserved(order), 1, at=9.0)
    await topics.publish(confirmed(order), 2, at=5.5)
    told = await journey(topics, order)
    assert [one.name for one, _ in told] == ["OrderPlaced", "StockReserved", "DeliveryStarted", "OrderConfirmed"]
    assert not any(again for _, again in told)
    screen = StringIO()
    Console(file=screen, width=160, color_system=None).print(journey_table(order, told, 160))
    assert str(order) in screen.getvalue()
    assert "-4000.0" in screen.getvalue(), "milliseconds since it was placed, by clocks that differ"


async def test_a_duplicate_is_marked_and_stands_beside_what_it_repeats(topics: Topics) -> None:
    order = new_id()
    for event, sequence in ((placed(order), 1), (reserved(order), 1), (placed(order), 1)):
        await topics.publish(event, sequence)
    told = await journey(topics, order)
    assert [(one.name, again) for one, again in told] == [
        ("OrderPlaced", False),
        ("OrderPlaced", True),
        ("StockReserved", False),
    ]


async def test_a_record_of_the_order_that_cannot_be_read_is_part_of_its_journey(topics: Topics) -> None:
    order = new_id()
    await topics.publish(placed(order), 1)
    await topics.garble("stock", str(order).encode(), b"shop.stock.StockReserved.v1")
    told = [one for one, _ in await journey(topics, order)]
    assert {one.name for one in told} == {"OrderPlaced", "shop.stock.StockReserved.v1"}
    assert any(says(one).startswith("cannot be read: Malformed") for one in told)


async def test_an_order_from_before_partitions_were_added_is_found(topics: Topics) -> None:
    """Its key belongs elsewhere since."""
    order = new_id()
    for partition in range(3):
        await topics.publish(placed(order), 1, partition=partition)
    assert len(await journey(topics, order)) == 1, "where it belongs is enough, if it begins there"
    other = new_id()
    elsewhere = (partition_of(str(other).encode(), 3) + 1) % 3
    await topics.publish(placed(other), 1, partition=elsewhere)
    assert [one.name for one, _ in await journey(topics, other)] == ["OrderPlaced"]


async def test_an_order_that_nobody_placed_has_no_journey(topics: Topics) -> None:
    await topics.publish(placed(new_id()), 1)
    assert await journey(topics, new_id()) == []


def test_what_customers_write_does_not_steer_the_terminal() -> None:
    evil = placed(new_id()).model_copy(update={"customer_name": "\x1b[2JKim\n\x07"})
    assert sentence(evil) == "2 x MASK for 400.00, \N{REPLACEMENT CHARACTER}[2JKim \N{REPLACEMENT CHARACTER}"
