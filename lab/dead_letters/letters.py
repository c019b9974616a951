"""The dead letters of all services, read through the auditor's roles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from lab.running.layout import SERVICES, Layout

_COLUMNS = (
    'id, consumer, topic, partition, "offset", key, event_type, error, attempts, died_at, requeued_at, discarded_at,'
    " discarded_why"
)
_ALL = f"SELECT {_COLUMNS} FROM dead_letters ORDER BY died_at, id"
_SHORTEST = 8


@dataclass(frozen=True)
class Letter:
    """One dead letter. ``service`` owns the database, ``consumer`` failed at it."""

    id: UUID
    service: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    event_type: str | None
    error: str
    attempts: int
    died_at: datetime
    requeued_at: datetime | None
    discarded_at: datetime | None
    discarded_why: str | None

    @property
    def state(self) -> str:
        """``dead``, ``requeued`` (its consumer has not taken it up yet) or ``discarded``."""
        return "discarded" if self.discarded_at else "requeued" if self.requeued_at else "dead"

    @property
    def place(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"

    @property
    def aggregate(self) -> str:
        """The record's key: what the event is about."""
        return "" if self.key is None else self.key.decode("utf-8", "backslashreplace")

    @property
    def event(self) -> str:
        """The type's name without the part that says where it comes from, as in ``OrderPlaced.v1``."""
        parts = (self.event_type or "no type").split(".")
        return ".".join(parts[2:]) if len(parts) > 3 else ".".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "id": str(self.id),
            "state": self.state,
            "service": self.service,
            "consumer": self.consumer,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "type": self.event_type,
            "key": self.aggregate,
            "error": self.error,
            "attempts": self.attempts,
            "died_at": self.died_at,
            "requeued_at": self.requeued_at,
            "discarded_at": self.discarded_at,
            "discarded_why": self.discarded_why,
        }


async def read_letters(layout: Layout) -> list[Letter]:
    """Every one, discarded ones too, those that died last at the end. Raises OSError or asyncpg.PostgresError."""
    found: list[Letter] = []
    for service in SERVICES:
        connection = await asyncpg.connect(layout.auditor_url(service), server_settings={"timezone": "UTC"})
        try:
            found += [Letter(service=service, **row) for row in await connection.fetch(_ALL)]
        finally:
            await connection.close()
    return sorted(found, key=lambda letter: (letter.died_at, letter.id))


def short_ids(letters: Iterable[Letter]) -> Mapping[UUID, str]:
    """Of every id as much of its end as tells it from the others. (An id begins with the time, so those of letters that
    died together begin alike.)"""
    ids = {letter.id for letter in letters}
    length = _SHORTEST
    while len({str(id)[-length:] for id in ids}) < len(ids):
        length += 1
    return {id: str(id)[-length:] for id in ids}
