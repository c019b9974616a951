"""A record that arrived from Kafka, and what it is to its consumer: to handle, to skip, or a dead letter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from events.catalogue import Event
from events.envelope import Envelope, EnvelopeError, Malformed, attributes_of, decode, type_of

_LONGEST_NAME = 255


class Record(Protocol):
    """The parts of aiokafka's ConsumerRecord that are used here."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def timestamp(self) -> int: ...  # milliseconds since 1970; on our topics when the broker appended it

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> tuple[tuple[str, bytes | None], ...]: ...


class Identity(NamedTuple):
    """What makes two records the same event: CloudEvents' source and id; where they are missing, the record's place."""

    source: str
    event_id: str


@dataclass(slots=True)
class Arrival:
    """``envelope`` is the event, if the consumer handles it; ``error`` says why it is a dead letter (after how many
    ``attempts``). Neither: skip it."""

    record: Record
    identity: Identity
    envelope: Envelope[Event] | None = None
    error: Exception | None = None
    attempts: int = 1

    @property
    def skipped(self) -> bool:
        return self.envelope is None and self.error is None


class Reader:
    """Reads records for a consumer of ``handled`` types. The header tells the type; others are not decoded."""

    def __init__(self, handled: Iterable[type[Event]]) -> None:
        self._catalogue: Mapping[str, type[Event]] = {event.type_name(): event for event in handled}
        self._handled = {event.wire_type().encode() for event in self._catalogue.values()}

    def read(self, record: Record) -> Arrival:
        """Never raises: what cannot be read comes back with its error. An unknown version of a handled type, or a
        record that does not say its type, is an error; a type that is not handled is skipped. Any other exception, too,
        makes that one record Malformed: it must not stand in the way of those behind it."""
        try:
            return self._read(record)
        except Exception as error:  # noqa: BLE001 (a dead letter tells it, see above)
            malformed = Malformed(f"cannot be read: {error!r}")
            malformed.__cause__ = error
            return Arrival(record, _place(record), error=malformed)

    def event(self, record: Record) -> Envelope[Event] | None:
        """The event alone, None if its type is not handled; for readers that keep no inbox and bury nothing. Raises
        EnvelopeError, and for headers that nobody foresaw anything else."""
        return self._event(record, attributes_of(record.headers))

    def _event(self, record: Record, headers: dict[str, bytes]) -> Envelope[Event] | None:
        if headers.get("ce_type") not in self._handled:
            type_name, _ = type_of(record.headers)
            if type_name not in self._catalogue:
                return None
        return decode(record.key, record.value, headers, catalogue=self._catalogue)

    def _read(self, record: Record) -> Arrival:
        headers = attributes_of(record.headers)
        try:
            envelope = self._event(record, headers)
        except EnvelopeError as error:
            return Arrival(record, identity_of(record, headers), error=error)
        if envelope is None:
            return Arrival(record, _place(record))
        return Arrival(record, identity_of(record, headers), envelope=envelope)


def identity_of(record: Record, headers: Mapping[str, bytes]) -> Identity:
    source, event_id = _name(headers.get("ce_source")), _name(headers.get("ce_id"))
    return _place(record) if source is None or event_id is None else Identity(source, event_id)


def _place(record: Record) -> Identity:
    return Identity(f"kafka:{record.topic}", f"{record.partition}-{record.offset}")


def _name(raw: bytes | None) -> str | None:
    """A header's text, or None when a database key could not be made of it (no UTF-8, NUL, endless)."""
    if not raw or len(raw) > _LONGEST_NAME or b"\0" in raw:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
