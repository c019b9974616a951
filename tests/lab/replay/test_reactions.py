"""Feeding a service's reactions again: only while it is stopped, only as far back as its inbox remembers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka.structs import TopicPartition

from events.catalogue import OrderCancelled, OrderPlaced
from events.envelope import encode
from events.kafka import Kafka
from events.log_bounds import log_bounds
from events.topics import FOR_EVER, Topic, declare
from lab.replay.errors import NotAMoment, Refused
from lab.replay.moments import parse
from lab.replay.reactions import REACTIONS, Refeed, refeed
from tests.conftest import CreateDatabase
from tests.events.stand import Stand, admin, cancelled, note, placed, producing, publish, running, stand
from tests.waiting import eventually


@pytest.fixture
async def products(kafka: Kafka, create_database: CreateDatabase) -> AsyncIterator[Stand]:
    """The products service in miniature."""
    async with stand(kafka, await create_database("products")) as made:
        yield made


async def refed(products: Stand, since: str = "beginning", *, really: bool = False) -> Refeed:
    return await refeed("products", products.kafka, products.url, since=parse(since), really=really)


async def handled(products: Stand, *envelopes: Any, expected: int, reactions: Any = None) -> None:
    """The service runs until there are so many effects and nothing else is to come, and is stopped."""
    await publish(products.kafka, envelopes)
    ends = sum(bound.end for bound in (await log_bounds(products.kafka, ["orders"])).values())

    async def caught_up() -> bool:
        moved = await products.value("SELECT coalesce(sum(next_offset), 0) FROM positions")
        return int(moved) == ends

    async with running(products.loop(reactions)):
        await eventually(caught_up, within=60)
    assert len(await products.effects()) == expected


async def test_a_service_that_consumes_is_refused(products: Stand) -> None:
    await publish(products.kafka, [placed()])
    async with running(products.loop()):
        await eventually(products.effects, within=60)
        positions = await products.rows("SELECT * FROM positions ORDER BY 2, 3")
        with pytest.raises(Refused, match="products is consuming"):
            await refed(products, really=True)
        assert await products.rows("SELECT * FROM positions ORDER BY 2, 3") == positions


async def test_a_service_that_is_connected_to_its_database_is_refused(products: Stand) -> None:
    """It may just have left its group, or be about to join it."""
    await handled(products, placed(), expected=1)
    session = await asyncpg.connect(products.url, server_settings={"application_name": "products"})
    with pytest.raises(Refused, match=r"products is connected to its database \(1 sessions\)"):
        await refed(products, really=True)
    await session.close()
    assert (await refed(products, really=True)).done


async def test_it_says_what_would_happen_and_changes_nothing(products: Stand) -> None:
    orders = [placed() for _ in range(5)]
    await handled(products, *orders, expected=5)
    await products.rows("DELETE FROM inbox WHERE event_id = $1", str(orders[3].id))
    before = await everything(products)

    would = await refed(products)

    assert (would.counts.read, would.passed_over, would.effective, would.done) == (5, 4, 1, False)
    assert [what.partition(": ")[2] for what in would.named] == [f"{orders[3].type} of {orders[3].key}"]
    assert sum(end - begin for begin, end in would.stretches.values()) == 5
    assert would.oldest is not None
    assert datetime.now(UTC) - timedelta(hours=1) < would.oldest < datetime.now(UTC) + timedelta(hours=1)
    assert await everything(products) == before


async def test_what_is_in_the_inbox_is_passed_over_and_what_is_not_takes_effect_once(products: Stand) -> None:
    orders = [placed() for _ in range(5)]
    await handled(products, *orders, expected=5)
    await products.rows("DELETE FROM inbox WHERE event_id = $1", str(orders[3].id))
    groups = await committed(products.kafka)

    assert (await refed(products, really=True)).done

    assert await committed(products.kafka) == groups, "the group's offsets are for lag tools, and stay"
    assert await products.value("SELECT sum(next_offset) FROM positions") == 0
    await handled(products, placed(), expected=7)
    assert sorted(await products.effects()).count(orders[3].key) == 2
    assert (await refed(products)).effective == 0


async def test_a_type_that_got_its_reaction_later_is_fed_to_it(products: Stand) -> None:
    order = placed()
    await handled(products, order, cancelled(order.data.order_id), expected=1, reactions={OrderPlaced: note})
    would = await refed(products, really=True)
    assert (would.passed_over, would.effective) == (1, 1)
    await handled(products, expected=2, reactions={OrderPlaced: note, OrderCancelled: note})
    assert await products.rows("SELECT key, type FROM effects ORDER BY id") == [
        (order.key, "OrderPlaced"),
        (order.key, "OrderCancelled"),
    ]


async def test_only_from_the_moment_on(products: Stand) -> None:
    await handled(products, *(placed() for _ in range(6)), expected=6)
    await products.rows("DELETE FROM inbox")
    stands = dict(await products.rows("SELECT partition, next_offset FROM positions"))
    since = ",".join(f"orders:{partition}={max(offset - 1, 0)}" for partition, offset in stands.items())
    again = sum(min(offset, 1) for offset in stands.values())
    assert (await refed(products, since, really=True)).effective == again
    await handled(products, expected=6 + again)


async def test_a_service_that_has_handled_nothing_since_has_nothing_to_handle_again(products: Stand) -> None:
    with pytest.raises(NotAMoment, match="products has handled nothing after that moment"):
        await refed(products)
    await handled(products, placed(), expected=1)
    with pytest.raises(NotAMoment):
        await refed(products, "end", really=True)


async def test_beyond_what_the_inbox_remembers_it_is_refused_with_the_reason(products: Stand) -> None:
    """An event of 40 days ago may have been handled and forgotten since."""
    by_the_sender = Topic("orders", FOR_EVER | {"message.timestamp.type": "CreateTime"})
    await declare(products.kafka, [by_the_sender], partitions=2, say=lambda line: None)
    key, value, headers = encode(placed())
    long_ago = datetime.now(UTC) - timedelta(days=40)
    async with producing(products.kafka) as producer:
        await producer.send_and_wait(
            products.kafka.topic("orders"),
            value,
            key,
            headers=list(headers),
            partition=0,
            timestamp_ms=int(long_ago.timestamp() * 1000),
        )
    young = placed()
    await handled(products, young, expected=2)
    before = await everything(products)

    with pytest.raises(Refused) as refused:
        await refed(products, really=True)

    assert f"was appended on {long_ago:%Y-%m-%d}" in str(refused.value)
    assert "remembers 30 days: older events could have their effects twice" in str(refused.value)
    assert await everything(products) == before
    begin = str(refused.value).partition("Begin at ")[2].partition(" or later")[0]
    assert (await refed(products, begin, really=True)).passed_over == 1, "the moment that it names will do"


def test_every_service_with_reactions_can_be_fed_again() -> None:
    assert set(REACTIONS) == {"orders", "products", "delivery"}
    assert all(event.topic in reactions.topics for reactions in REACTIONS.values() for event in reactions.events)


async def everything(products: Stand) -> list[Any]:
    """All that a replay could change: positions, inbox, outbox, effects, and the group's offsets."""
    tables = ("positions", "inbox", "outbox", "effects", "dead_letters")
    rows = [await products.rows(f"SELECT t.*::text FROM {table} t ORDER BY 1") for table in tables]
    return [*rows, await committed(products.kafka)]


async def committed(kafka: Kafka) -> dict[TopicPartition, int]:
    async with admin(kafka) as client:
        found = await client.list_consumer_group_offsets(kafka.group("products"))
    return {place: offset.offset for place, offset in found.items()}
