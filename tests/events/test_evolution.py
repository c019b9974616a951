"""How events may change: consumers are upgraded before producers, and old events stay readable."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import orjson
import pytest

from events import upcasting
from events.arrivals import Identity, Reader
from events.catalogue import OrderPlaced, StockReserved
from events.envelope import Envelope, EnvelopeError, Malformed, UnknownType, UnknownVersion, decode, encode
from events.outbox import Transaction
from events.requeued import requeued_reactions
from events.upcasting import JsonObject, Upcasters
from tests.events.stand import Stand, note, placed, publish, running
from tests.waiting import eventually


class OrderPlacedV2(OrderPlaced):
    """OrderPlaced as it might become: the address in two lines, and a channel that old events do not have."""

    version: ClassVar[int] = 2
    address: str = ""
    address_lines: tuple[str, ...]
    channel: str = "unknown"

    @classmethod
    @cache
    def type_name(cls) -> str:
        return OrderPlaced.type_name()


def _split_address(data: JsonObject) -> JsonObject:
    return {**data, "addressLines": data["address"].split(", ")}


UPGRADED = {OrderPlaced.type_name(): OrderPlacedV2}
UPCASTERS: Upcasters = {(OrderPlaced.type_name(), 1): _split_address}
ORDER = placed(address="1 Main Street, Springfield")
OLD = encode(ORDER)
NEW = encode(
    replace(
        ORDER,
        type="shop.orders.OrderPlaced.v2",
        data=OrderPlacedV2(**ORDER.data.model_dump(), address_lines=("1 Main Street", "Springfield"), channel="web"),
    )
)


def test_an_upgraded_consumer_reads_the_old_version() -> None:
    event = decode(*OLD, catalogue=UPGRADED, upcasters=UPCASTERS)
    assert event.type == "shop.orders.OrderPlaced.v2"
    assert event.data.model_dump()["address_lines"] == ("1 Main Street", "Springfield")
    assert event.data.model_dump()["channel"] == "unknown"


def test_an_upgraded_consumer_reads_the_new_version() -> None:
    assert decode(*NEW, catalogue=UPGRADED, upcasters=UPCASTERS).data.model_dump()["channel"] == "web"


def test_a_consumer_that_was_not_upgraded_refuses_the_new_version_and_says_so() -> None:
    with pytest.raises(UnknownVersion, match=r"OrderPlaced\.v2 is newer than this program, which reads v1"):
        decode(*NEW)


def test_an_old_version_without_an_upcaster_is_an_unknown_version() -> None:
    with pytest.raises(UnknownVersion, match="no upcaster from v1 to v2"):
        decode(*OLD, catalogue=UPGRADED, upcasters={})


def test_an_upcaster_that_meets_what_it_does_not_expect_makes_a_malformed_event() -> None:
    with pytest.raises(Malformed):
        decode(OLD[0], b"[]", OLD[2], catalogue=UPGRADED, upcasters=UPCASTERS)
    with pytest.raises(Malformed):
        decode(OLD[0], b'{"no": "address"}', OLD[2], catalogue=UPGRADED, upcasters=UPCASTERS)


def test_a_field_that_the_reader_does_not_know_is_ignored() -> None:
    key, value, headers = OLD
    more = orjson.dumps({**orjson.loads(value), "giftWrap": {"paper": "blue"}})
    assert decode(key, more, headers) == decode(key, value, headers)


def test_a_header_that_the_reader_does_not_know_is_ignored() -> None:
    key, value, headers = OLD
    assert decode(key, value, (*headers, ("ce_dataschema", b"https://example.com"))) == decode(key, value, headers)


def test_a_type_that_is_in_no_catalogue_is_unknown() -> None:
    key, value, headers = OLD
    with pytest.raises(UnknownType):
        decode(key, value, [(name, b"shop.orders.Other.v1" if name == "ce_type" else text) for name, text in headers])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", b"not a uuid"),
        ("ce_id", b"\xff"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-11-23T12:00:00"),
        ("ce_sequence", b"0"),
        ("ce_sequence", b"9223372036854775808"),
        ("ce_sequence", b"first"),
        ("ce_specversion", b"0.3"),
        ("ce_type", b"shop.orders.OrderPlaced"),
        ("ce_type", b"\xff\xfe"),
        ("ce_source", None),
        ("traceparent", b"\xff"),
    ],
)
def test_broken_attributes_make_a_malformed_event(name: str, value: bytes | None) -> None:
    key, data, headers = OLD
    broken = [(header, text) for header, text in headers if header != name]
    with pytest.raises(Malformed):
        decode(key, data, broken if value is None else [*broken, (name, value)])


@pytest.mark.parametrize("key", [None, b"somebody else", b"\xff"])
def test_a_key_that_is_not_the_aggregates_makes_a_malformed_event(key: bytes | None) -> None:
    with pytest.raises(EnvelopeError):
        decode(key, OLD[1], OLD[2])


class Arrived:
    topic, partition, offset, timestamp = "t.orders", 3, 42, 0
    key, value, headers = OLD


def test_a_reader_decodes_only_what_its_consumer_handles() -> None:
    assert Reader([OrderPlaced]).read(Arrived()).envelope == decode(*OLD)
    assert Reader([StockReserved]).read(Arrived()).skipped


def test_an_event_without_id_or_source_is_known_by_its_place() -> None:
    arrived = Arrived()
    assert Reader([OrderPlaced]).read(arrived).identity == Identity("/shop/orders", dict(OLD[2])["ce_id"].decode())
    arrived.headers = tuple(header for header in OLD[2] if header[0] != "ce_id")
    assert Reader([OrderPlaced]).read(arrived).identity == Identity("kafka:t.orders", "3-42")


# --- the same on a real broker and a real database ------------------------------------------------


def upgraded(**changes: Any) -> Envelope[OrderPlaced]:
    """An OrderPlaced as a producer of version 2 announces it."""
    one = placed(**changes)
    data = OrderPlacedV2(**one.data.model_dump(), address_lines=("1 Main Street",), channel="web")
    return replace(one, type=OrderPlacedV2.wire_type(), data=data)


async def test_an_old_consumer_makes_the_new_version_a_dead_letter_and_goes_on(shop: Stand) -> None:
    olds, news = [placed() for _ in range(20)], [upgraded() for _ in range(3)]
    await publish(shop.kafka, [*olds[:10], *news, *olds[10:]])

    async with running(shop.loop({OrderPlaced: note})):
        await eventually(lambda: _handled(shop, 20))
        later = placed()
        await publish(shop.kafka, [later])
        await eventually(lambda: _handled(shop, 21))

    assert sorted(await shop.effects()) == sorted(event.key for event in [*olds, later])
    letters = await shop.rows("SELECT key, value, event_type, error FROM dead_letters")
    assert sorted(letter[:3] for letter in letters) == sorted(
        (event.key.encode(), encode(event)[1], "shop.orders.OrderPlaced.v2") for event in news
    )
    assert all("OrderPlaced.v2 is newer than this program, which reads v1" in letter[3] for letter in letters)


async def test_after_the_upgrade_what_came_too_early_is_requeued_and_understood(shop: Stand) -> None:
    given: list[OrderPlacedV2] = []

    async def understand(transaction: Transaction, envelopes: Sequence[Envelope[OrderPlacedV2]]) -> None:
        given.extend(envelope.data for envelope in envelopes)
        await note(transaction, envelopes)

    early = upgraded()
    await publish(shop.kafka, [early])
    async with running(shop.loop({OrderPlaced: note})):
        await eventually(lambda: shop.rows("SELECT * FROM dead_letters"))

    await shop.rows("UPDATE dead_letters SET requeued_at = now()")
    assert await requeued_reactions("products", shop.outbox(), {OrderPlaced: note}).handle_next()
    assert await shop.effects() == []
    ((error, attempts),) = await shop.rows("SELECT error, attempts FROM dead_letters WHERE requeued_at IS NULL")
    assert (error.split(":")[0], attempts) == ("UnknownVersion", 2), "before the upgrade it comes back"

    await shop.rows("UPDATE dead_letters SET requeued_at = now()")
    assert await requeued_reactions("products", shop.outbox(), {OrderPlacedV2: understand}).handle_next()
    assert [event.channel for event in given] == ["web"]
    assert await shop.effects() == [early.key]
    assert await shop.rows("SELECT * FROM dead_letters") == []


async def test_an_upgraded_consumer_handles_old_and_new_mixed_in_their_order(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(upcasting.UPCASTERS, (OrderPlaced.type_name(), 1), _split_address)
    given: list[OrderPlacedV2] = []

    async def understand(transaction: Transaction, envelopes: Sequence[Envelope[OrderPlacedV2]]) -> None:
        given.extend(envelope.data for envelope in envelopes)
        await note(transaction, envelopes)

    order_id = uuid.uuid4()  # of one order, so that all of them have one order among them
    mixed = [(upgraded if number % 2 else placed)(order_id=order_id, sequence=number + 1) for number in range(20)]
    await publish(shop.kafka, mixed)

    async with running(shop.loop({OrderPlacedV2: understand})):
        await eventually(lambda: _handled(shop, 20))

    assert [event.channel for event in given] == ["unknown", "web"] * 10
    assert all(event.address_lines == ("1 Main Street",) for event in given)
    assert await shop.rows("SELECT 1 FROM dead_letters") == []


async def test_what_an_old_consumer_handled_is_not_handled_again_after_its_upgrade(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = placed(), upgraded()
    await publish(shop.kafka, [old])
    async with running(shop.loop({OrderPlaced: note})):
        await eventually(lambda: _handled(shop, 1))

    monkeypatch.setitem(upcasting.UPCASTERS, (OrderPlaced.type_name(), 1), _split_address)
    await publish(shop.kafka, [old, new])
    async with running(shop.loop({OrderPlacedV2: note})):
        await eventually(lambda: _handled(shop, 2))

    assert sorted(await shop.effects()) == sorted([old.key, new.key])


async def _handled(shop: Stand, expected: int) -> bool:
    return len(await shop.effects()) >= expected
