"""Events whose handling failed for good, parked whole until a person requeues or discards them.

One that is requeued is handled again by its consumer (``events.requeued``) and gone then; one that is discarded stays
as the record of that decision. Nothing else takes them away.
"""

import base64
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events.arrivals import Arrival
from events.tables import dead_letters
from kit.database import Connection, Query
from kit.ids import new_id


async def bury(connection: Connection, consumer: str, arrival: Arrival) -> None:
    """Parks the event: raw key, value and headers as they were on the topic, with the error, its traceback and the
    time. A record that is there already (a replay) gets the newest error, and its attempts are added up; it is not
    requeued any more, and not discarded any more unless it failed as it had when that was decided."""
    record, error = arrival.record, arrival.error
    assert error is not None
    await connection.execute(
        _BURY,
        id=new_id(),
        consumer=consumer,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=orjson.dumps([[name, _base64(value)] for name, value in record.headers]),
        event_type=_header(arrival, "ce_type"),
        event_id=_header(arrival, "ce_id"),
        attempts=arrival.attempts,
        **reason(error),
    )


def reason(error: Exception) -> dict[str, str]:
    """What the columns ``error`` and ``traceback`` say about it."""
    return {
        "error": _text(f"{type(error).__name__}: {error}"),
        "traceback": _text("".join(traceback.format_exception(error))),
    }


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked record, as it was on the topic."""

    id: UUID
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    attempts: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "DeadLetter":
        headers = tuple(
            (name, None if value is None else base64.b64decode(value)) for name, value in orjson.loads(row["headers"])
        )
        return cls(
            id=row["id"],
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            key=row["key"],
            value=row["value"],
            headers=headers,
            attempts=row["attempts"],
        )

    @property
    def timestamp(self) -> int:
        """When it was appended is not kept: what depends on that is not handled again."""
        return 0

    @property
    def place(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _header(arrival: Arrival, name: str) -> str | None:
    value = dict(arrival.record.headers).get(name)
    return None if value is None else _text(value.decode("utf-8", "replace"))


def _text(text: str) -> str:
    """What PostgreSQL can hold as text (no NUL, no lone surrogates), and no novels."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:50_000]


_LATER = ("died_at", "requeued_at", "discarded_at", "discarded_why")
_insert = insert(dead_letters).values(
    {one.name: sa.bindparam(one.name, type_=one.type) for one in dead_letters.c if one.name not in _LATER}
)
_as_before = dead_letters.c.error == _insert.excluded.error
_BURY = Query(
    _insert.on_conflict_do_update(
        index_elements=[dead_letters.c[name] for name in ("consumer", "topic", "partition", "offset")],
        set_={
            "error": _insert.excluded.error,
            "traceback": _insert.excluded.traceback,
            "attempts": dead_letters.c.attempts + _insert.excluded.attempts,
            "died_at": sa.func.clock_timestamp(),
            "requeued_at": None,
            "discarded_at": sa.case((_as_before, dead_letters.c.discarded_at)),
            "discarded_why": sa.case((_as_before, dead_letters.c.discarded_why)),
        },
    )
)
