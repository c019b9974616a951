"""How events may change: consumers are upgraded before producers, and old events stay readable."""

from dataclasses import replace
from typing import ClassVar

import orjson
import pytest

from events.arrivals import Identity, Reader
from events.catalogue import OrderPlaced, StockReserved
from events.envelope import EnvelopeError, Malformed, UnknownType, UnknownVersion, decode, encode
from events.upcasting import JsonObject, Upcasters
from tests.events.stand import placed


class OrderPlacedV2(OrderPlaced):
    """OrderPlaced as it might become: the address in two lines, and a channel that old events do not have."""

    version: ClassVar[int] = 2
    address: str = ""
    address_lines: tuple[str, ...]
    channel: str = "unknown"

    @classmethod
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
    topic, partition, offset = "t.orders", 3, 42
    key, value, headers = OLD


def test_a_reader_decodes_only_what_its_consumer_handles() -> None:
    assert Reader([OrderPlaced]).read(Arrived()).envelope == decode(*OLD)
    assert Reader([StockReserved]).read(Arrived()).skipped


def test_an_event_without_id_or_source_is_known_by_its_place() -> None:
    arrived = Arrived()
    assert Reader([OrderPlaced]).read(arrived).identity == Identity("/shop/orders", dict(OLD[2])["ce_id"].decode())
    arrived.headers = tuple(header for header in OLD[2] if header[0] != "ce_id")
    assert Reader([OrderPlaced]).read(arrived).identity == Identity("kafka:t.orders", "3-42")
