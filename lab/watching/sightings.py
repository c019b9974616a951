"""Records as a person may want to see them: what can be said of each, also of one that cannot be read."""

import base64
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.arrivals import Reader
from events.catalogue import CATALOGUE, Event
from events.envelope import Envelope, attributes_of

_READER = Reader(CATALOGUE)


@dataclass(frozen=True, slots=True)
class Sighting:
    """``topic`` is the logical one, ``appended`` the broker's time. ``envelope`` is None when the type is ``unknown``
    to this program, or when ``error`` says why the record cannot be read."""

    topic: str
    partition: int
    offset: int
    appended: datetime
    key: str | None
    type: str | None
    value: bytes | None
    envelope: Envelope[Event] | None
    error: str | None

    @property
    def unknown(self) -> bool:
        return self.envelope is None and self.error is None

    @property
    def name(self) -> str:
        """The event's name, else the type that the record says it has."""
        return type(self.envelope.data).__name__ if self.envelope is not None else self.type or "no type"

    @property
    def place(self) -> str:
        """As ``--from`` and ``--until`` take it."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the data, or the error (``unknown type``) and the value in base64."""
        envelope = self.envelope
        told = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "appended": self.appended.isoformat(timespec="milliseconds"),
            "type": self.type,
            "key": self.key,
            "id": None if envelope is None else str(envelope.id),
            "sequence": None if envelope is None else envelope.sequence,
            "time": None if envelope is None else envelope.time.isoformat(),
        }
        if envelope is not None:
            return told | {"data": envelope.data.model_dump(mode="json", by_alias=True)}
        value = None if self.value is None else base64.b64encode(self.value).decode()
        return told | {"error": self.error or "unknown type", "value": value}


def see(record: Any, topic: str) -> Sighting:
    """A consumer's record of the (logical) topic. Never raises."""
    arrival = _READER.read(record)
    error = arrival.error
    return Sighting(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        appended=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=_text(record.key),
        type=_text(attributes_of(record.headers).get("ce_type")),
        value=record.value,
        envelope=arrival.envelope,
        error=None if error is None else f"{type(error).__name__}: {error}",
    )


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


@dataclass
class Tally:
    """What was shown: everything, and of that the records of unknown types and those that cannot be read, by type."""

    shown: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    def add(self, sighting: Sighting) -> None:
        self.shown += 1
        if sighting.unknown:
            self.unknown[sighting.name] += 1
        elif sighting.error is not None:
            self.unreadable[sighting.name] += 1

    def __str__(self) -> str:
        told = [f"{self.shown:,} event{'' if self.shown == 1 else 's'} shown"]
        for what, counts in (("of unknown types", self.unknown), ("cannot be read", self.unreadable)):
            if counts:
                named = ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
                told.append(f"{counts.total():,} {what} ({named})")
        return "; ".join(told)
