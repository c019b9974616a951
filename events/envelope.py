"""CloudEvents 1.0 in Kafka's binary content mode: attributes in ``ce_*`` headers, the data as JSON in the value.

Source: the Kafka protocol binding of CloudEvents 1.0 (headers ``ce_id``, ``ce_type``, ...; ``content-type`` names the
format of the value), its ``sequence`` extension for the aggregate's version, and W3C Trace Context (``traceparent``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Generic, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from pydantic import ValidationError

from events.catalogue import BY_TYPE_NAME, Event
from events.upcasting import UPCASTERS, MissingUpcaster, Upcasters, upcast

E = TypeVar("E", bound=Event, covariant=True)
F = TypeVar("F", bound=Event)
Headers = tuple[tuple[str, bytes], ...]

EVENT_IDS = uuid5(NAMESPACE_URL, "urn:shop:event")


class EnvelopeError(Exception):
    """A record that cannot be read as an event.

    EnvelopeError
    ├── Malformed          no or broken attributes, no JSON object, or data that does not fit its type
    ├── UnknownType        a type that is in no catalogue of this program
    └── UnknownVersion     a known type in a version that this program cannot read (newer, or without upcaster)
    """


class Malformed(EnvelopeError):
    pass


class UnknownType(EnvelopeError):
    pass


class UnknownVersion(EnvelopeError):
    pass


@dataclass(frozen=True, slots=True)
class Envelope(Generic[E]):
    """An event and what is known about it.

    ``sequence`` is the aggregate's version after the change (1, 2, ...), ``time`` the business time (UTC). ``id`` is
    derived from aggregate, version and type: recording the same fact twice gives the same id.
    """

    id: UUID
    source: str
    type: str
    key: str
    sequence: int
    time: datetime
    data: E
    traceparent: str | None = None

    @property
    def topic(self) -> str:
        return self.data.topic


def record(event: F, *, sequence: int, time: datetime) -> Envelope[F]:
    """The envelope in which the owning service announces ``event``: the ``sequence``-th change of its aggregate."""
    type_name, key = event.wire_type(), event.key
    return Envelope(
        id=event_id(type_name, key, sequence),
        source=f"/shop/{event.topic}",
        type=type_name,
        key=key,
        sequence=sequence,
        time=time,
        data=event,
    )


def event_id(type_name: str, key: str, sequence: int) -> UUID:
    """The id of an event, out of nothing but type, aggregate and version.

    Where the aggregate's id is a UUIDv7, so is this: the same milliseconds, then 74 bits of a hash. So inboxes grow at
    one end, as the orders do. Other aggregates (products, by number) have no time to take over: a UUIDv5.
    """
    name = f"{type_name}/{key}/{sequence}"
    if len(key) != 36 or key[14] != "7":
        return uuid5(EVENT_IDS, name)
    milliseconds = int(key[:8] + key[9:13], 16)
    digest = int.from_bytes(blake2b(name.encode(), digest_size=10).digest())
    high, low = digest >> 68, digest & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low)


def encode(envelope: Envelope[Event]) -> tuple[bytes, bytes, Headers]:
    """Key, value and headers of the Kafka record."""
    headers: list[tuple[str, bytes]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(envelope.id).encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_subject", envelope.key.encode()),
        ("ce_time", envelope.time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("ce_sequence", str(envelope.sequence).encode()),
        ("content-type", b"application/json"),
    ]
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    value = envelope.data.model_dump_json(by_alias=True).encode()
    return envelope.key.encode(), value, tuple(headers)


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[str, int]:
    """Type name and major version out of the headers alone, so that a consumer can skip what it does not handle.

    Raises Malformed when there is no ``ce_type`` or it carries no version.
    """
    return _parse_type(dict(headers).get("ce_type"))


def attributes_of(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    return {name: value for name, value in headers if value is not None}


@lru_cache(maxsize=1024)
def _parse_type(wire_type: bytes | None) -> tuple[str, int]:
    if wire_type is None:
        raise Malformed("no ce_type header: not a CloudEvent in binary mode")
    type_name, dot, version = wire_type.decode("utf-8", "replace").rpartition(".v")
    if dot and version.isdecimal() and len(version) <= 4:
        return type_name, int(version)
    raise Malformed(f"ce_type {wire_type[:200]!r} does not end in a major version such as '.v1'")


def decode(
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]] | dict[str, bytes],
    *,
    catalogue: Mapping[str, type[Event]] = BY_TYPE_NAME,
    upcasters: Upcasters = UPCASTERS,
) -> Envelope[Event]:
    """The event in a Kafka record; an older version is upcast. A header without value (null) counts as absent.

    Raises EnvelopeError and nothing else.
    """
    attributes = headers if isinstance(headers, dict) else attributes_of(headers)
    type_name, version = _parse_type(attributes.get("ce_type"))
    model = catalogue.get(type_name)
    if model is None:
        raise UnknownType(f"unknown event type {type_name}.v{version}")
    if version > model.version:
        raise UnknownVersion(f"{type_name}.v{version} is newer than this program, which reads v{model.version}")
    if value is None:
        raise Malformed("a record without value (tombstone) is not an event")
    try:
        if version == model.version:
            data = model.model_validate_json(value)
        else:
            older = orjson.loads(value)
            if not isinstance(older, dict):
                raise Malformed("the value is not a JSON object")
            data = model.model_validate(upcast(type_name, version, model.version, older, upcasters))
        if attributes.get("ce_specversion") != b"1.0":
            raise Malformed(f"ce_specversion {attributes.get('ce_specversion')!r} is not 1.0")
        aggregate = data.key
        if key is None or key.decode() != aggregate:
            raise Malformed(f"key {key!r} is not the id of the aggregate, {aggregate!r}")
        traceparent = attributes.get("traceparent")
        sequence = int(attributes["ce_sequence"])
        if not 0 < sequence < 2**63:
            raise Malformed(f"ce_sequence {sequence} is not a version (1, 2, ...)")
        time = datetime.fromisoformat(attributes["ce_time"].decode())
        if time.tzinfo is None:
            raise Malformed(f"ce_time {attributes['ce_time']!r} has no time zone")
        return Envelope(
            id=UUID(attributes["ce_id"].decode()),
            source=attributes["ce_source"].decode(),
            type=model.wire_type(),
            key=aggregate,
            sequence=sequence,
            time=time,
            data=data,
            traceparent=None if traceparent is None else traceparent.decode(),
        )
    except MissingUpcaster as error:
        raise UnknownVersion(str(error)) from error
    except KeyError as error:
        raise Malformed(f"no {error.args[0]} header") from error
    except ValidationError as error:
        raise Malformed(f"{type_name}.v{version}: {error}") from error
    except ValueError as error:
        raise Malformed(f"{type_name}.v{version}: {error}") from error
