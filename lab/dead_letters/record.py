"""One dead letter whole: the record as it was on the topic, and why it died."""

import base64
from dataclasses import dataclass
from typing import Any

import asyncpg

from events.dead_letters import DeadLetter
from events.envelope import Envelope, EnvelopeError, decode
from lab.dead_letters.letters import Letter
from lab.running.errors import ShopError
from lab.running.layout import Layout

_WHOLE = (
    'SELECT id, topic, partition, "offset", key, value, headers, attempts, traceback FROM dead_letters WHERE id = $1'
)


@dataclass(frozen=True)
class Whole:
    """``event`` is what this program reads in the record, None when it cannot, for the reason ``unreadable``."""

    letter: Letter
    record: DeadLetter
    traceback: str
    event: Envelope[Any] | None
    unreadable: str | None

    @property
    def headers(self) -> dict[str, str | None]:
        return {name: None if value is None else readable(value) for name, value in self.record.headers}

    @property
    def value(self) -> str | None:
        return None if self.record.value is None else readable(self.record.value)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        raw = self.record.value
        return {
            **self.letter.as_dict(),
            "event": None if self.event is None else self.event.data.model_dump(mode="json", by_alias=True),
            "unreadable": self.unreadable,
            "headers": self.headers,
            "value": self.value,
            "value_base64": None if raw is None else base64.b64encode(raw).decode(),
            "traceback": self.traceback,
            "next": next_steps(self),
        }


async def read_whole(layout: Layout, letter: Letter) -> Whole:
    """Raises ShopError when it is gone by now."""
    connection = await asyncpg.connect(layout.auditor_url(letter.service))
    try:
        row = await connection.fetchrow(_WHOLE, letter.id)
    finally:
        await connection.close()
    if row is None:
        raise ShopError(f"{letter.id} was handled a moment ago")
    record = DeadLetter.of(row)
    event, unreadable = None, None
    try:
        event = decode(record.key, record.value, record.headers)
    except EnvelopeError as error:
        unreadable = f"{type(error).__name__}: {error}"
    return Whole(letter, record, row["traceback"], event, unreadable)


def next_steps(whole: Whole) -> list[str]:
    """What a person can do about it, in words."""
    letter = whole.letter
    if letter.state == "discarded":
        return ["It was discarded: it stays as the record of that decision."]
    if letter.state == "requeued":
        return [f"It is requeued: {letter.consumer} takes it up within a second of running."]
    cause = (
        f"Find out why {letter.consumer} failed, and start a version of it that does not."
        if whole.event is not None
        else f"This version cannot read it. If a newer one of {letter.service} can, start that one."
    )
    return [
        cause,
        f"Then: `shop dead-letters requeue {letter.id}`",
        f"If it never can be handled: `shop dead-letters discard {letter.id} --why TEXT`",
    ]


def readable(raw: bytes) -> str:
    """Text as it is; what is no text, and what a terminal would obey, as backslash escapes."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode() for sign in text
    )
