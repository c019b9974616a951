"""Events whose handling failed for good, parked whole until a person has looked at them.

Nothing requeues them by itself; docs/delivery-guarantees.md says how one is handled again by hand.
"""

import base64
import traceback

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from events.arrivals import Arrival
from events.tables import dead_letters
from kit.database import Connection, Query
from kit.ids import new_id

_insert = insert(dead_letters).values(
    {column.name: sa.bindparam(column.name, type_=column.type) for column in dead_letters.c if column.name != "died_at"}
)
_BURY = Query(
    _insert.on_conflict_do_update(
        index_elements=[dead_letters.c[name] for name in ("consumer", "topic", "partition", "offset")],
        set_={name: _insert.excluded[name] for name in ("error", "traceback", "attempts")}
        | {"died_at": sa.func.clock_timestamp()},
    )
)


async def bury(connection: Connection, consumer: str, arrival: Arrival) -> None:
    """Parks the event: raw key, value and headers as they were on the topic, with the error, its traceback and the
    time. A record that is there already (a replay) gets the newest error."""
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
        error=_text(f"{type(error).__name__}: {error}"),
        traceback=_text("".join(traceback.format_exception(error))),
        attempts=arrival.attempts,
    )


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _header(arrival: Arrival, name: str) -> str | None:
    value = dict(arrival.record.headers).get(name)
    return None if value is None else _text(value.decode("utf-8", "replace"))


def _text(text: str) -> str:
    """What PostgreSQL can hold as text (no NUL, no lone surrogates), and no novels."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:50_000]
