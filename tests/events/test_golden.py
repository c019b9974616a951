"""Every version of every event ever published can be read for ever.

The samples in ``golden/`` are records as they are on the topics. They are added to, never changed: an event that was
published is not published again.
"""

import json
from pathlib import Path
from uuid import RFC_4122, uuid4

import pytest

from events.catalogue import CATALOGUE
from events.envelope import decode, encode, event_id
from kit.ids import new_id

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = sorted(path.stem for path in GOLDEN.glob("*.json"))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_decodes_for_ever(sample: str) -> None:
    key, value, headers = _record(sample)
    envelope = decode(key, value, headers)
    type_name, _, version = sample.rpartition(".v")
    assert envelope.type.rpartition(".v")[0] == type_name
    assert int(envelope.type.rpartition(".v")[2]) >= int(version)
    assert envelope.key.encode() == key


@pytest.mark.parametrize("sample", [event.wire_type() for event in CATALOGUE])
def test_what_is_published_today_says_at_least_what_the_sample_says(sample: str) -> None:
    """A reader of this version finds every field where it was, with the same meaning and spelling."""
    key, value, headers = _record(sample)
    new_key, new_value, new_headers = encode(decode(key, value, headers))
    assert new_key == key
    assert dict(new_headers) == dict(headers)
    assert json.loads(new_value).items() >= json.loads(value).items()


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_id_of_an_event_is_derived_the_same_way_for_ever(sample: str) -> None:
    """A fact that is recorded again by a newer program must not become another event."""
    key, _, headers = _record(sample)
    attributes = dict(headers)
    derived = event_id(attributes["ce_type"].decode(), key.decode(), int(attributes["ce_sequence"]))
    assert str(derived).encode() == attributes["ce_id"]


def test_events_of_an_order_have_ids_of_its_time_that_differ() -> None:
    order = new_id()
    ids = {event_id(name, str(order), number) for name in ("shop.a.v1", "shop.b.v1") for number in range(1, 101)}
    assert len(ids) == 200
    assert {(made.version, made.variant, made.int >> 80) for made in ids} == {(7, RFC_4122, order.int >> 80)}


def test_events_of_other_aggregates_have_an_id_without_a_time() -> None:
    assert {event_id("shop.products.ProductChanged.v1", key, 1).version for key in ("2", str(uuid4()))} == {5}


def test_every_version_of_every_event_has_a_sample() -> None:
    wanted = {f"{event.type_name()}.v{number}" for event in CATALOGUE for number in range(1, event.version + 1)}
    assert wanted == set(SAMPLES)


def _record(sample: str) -> tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]:
    record = json.loads((GOLDEN / f"{sample}.json").read_text())
    headers = tuple((name, value.encode()) for name, value in record["headers"])
    return record["key"].encode(), record["value"].encode(), headers
