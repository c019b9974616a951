"""Repeating a request with the same ``Idempotency-Key`` within 24 hours: the first answer again, and one effect."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from sqlalchemy import DateTime, LargeBinary, Text, bindparam, delete, select, update
from sqlalchemy import Integer as Int
from sqlalchemy.dialects.postgresql import insert
from starlette.datastructures import Headers

from kit.database import Connection, Query
from kit.problems import Problem, unavailable
from products_svc import refusals
from products_svc.tables import idempotency_keys

KEYS_LIVE = timedelta(hours=24)
_KEY = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Told:
    """What a request was answered with."""

    status: int
    body: bytes


def key_of(headers: Headers) -> str | None:
    """The request's key, None when it has none. Raises Problem (400) for one that cannot be a key."""
    keys = headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        detail = "send one Idempotency-Key of 1 to 200 printable ASCII characters"
        raise Problem(400, "idempotency-key", "The Idempotency-Key is not valid", detail)
    return keys[0]


async def claim(connection: Connection, key: str | None, *content: object) -> Told | None:
    """None when the request is to be carried out: the key is new (and now this transaction's), or there is no key.
    Otherwise what the first one was answered. A request with the same key that is under way is waited for.

    Raises Problem: 422 when the key was used with other content; 503 when it grew too old in this very moment.
    """
    if key is None:
        return None
    now, fingerprint = datetime.now(UTC), _fingerprint(content)
    await connection.execute(_FORGET, before=now - KEYS_LIVE)
    if await connection.execute(_CLAIM, key=key, fingerprint=fingerprint, created_at=now):
        return None
    row = await connection.fetch_one(_FIND, key=key)
    if row is None:
        raise unavailable("the Idempotency-Key has just been forgotten after its 24 h; try again")
    if row["fingerprint"] != fingerprint:
        raise refusals.key_of_another_request(key)
    return Told(row["status"], row["answer"])


async def keep(connection: Connection, key: str | None, told: Told) -> None:
    """Keeps the answer for repeats, in the transaction that claimed the key."""
    if key is not None:
        await connection.execute(_KEEP, of=key, new_status=told.status, new_answer=told.body)


def _fingerprint(content: tuple[object, ...]) -> str:
    return blake2b("\0".join(map(str, content)).encode(), digest_size=16).hexdigest()


_keys = idempotency_keys.c
_expired = (
    select(_keys.key)
    .where(_keys.created_at < bindparam("before", type_=DateTime(timezone=True)))
    .limit(1000)
    .with_for_update(skip_locked=True)
)
_FORGET = Query(delete(idempotency_keys).where(_keys.key.in_(_expired)))
_CLAIM = Query(
    insert(idempotency_keys)
    .values(
        key=bindparam("key", type_=Text),
        fingerprint=bindparam("fingerprint", type_=Text),
        created_at=bindparam("created_at", type_=DateTime(timezone=True)),
    )
    .on_conflict_do_nothing()
)
_FIND = Query(select(_keys.fingerprint, _keys.status, _keys.answer).where(_keys.key == bindparam("key", type_=Text)))
_KEEP = Query(
    update(idempotency_keys)
    .where(_keys.key == bindparam("of", type_=Text))
    .values(status=bindparam("new_status", type_=Int), answer=bindparam("new_answer", type_=LargeBinary))
)
