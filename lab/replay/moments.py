"""A point in the topics, as people write it: a time, an age, offsets, ``beginning`` or ``end``.

A time means when the broker appended a record. From a moment on means appended then or later; until a moment means
appended before it: what lies between two moments is there exactly once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from lab.replay.errors import BeyondEnd, NotAMoment
from lab.replay.topic import Offsets, TopicReader, name

Edge = Literal["beginning", "end"]

HELP = "a time (2026-11-23T10:42, 10:42), an age (15m, 2h, 3d), offsets (orders:0=120,orders:1=77), beginning or end"
"""For the help of options that take a moment."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGE = re.compile(r"(?:\d{1,12}[smhdw])+", re.IGNORECASE)
_AGE_PART = re.compile(r"(\d+)([smhdw])", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{1,2}:\d{2}.*")
_OFFSET = re.compile(r"([A-Za-z0-9._-]+?)(?:(?::(\d{1,9}))?=|\[(\d{1,9})\]@)(\d{1,18})")


@dataclass(frozen=True)
class Moment:
    """One of the three: ``time`` (with a zone), ``numbers`` (logical topic, partition or None for all of them, offset),
    or ``edge``. ``str()`` is a text that means the same wherever it is parsed."""

    time: datetime | None = None
    numbers: tuple[tuple[str, int | None, int], ...] = ()
    edge: Edge | None = None

    def __str__(self) -> str:
        if self.time is not None:
            return self.time.isoformat()
        if self.edge is not None:
            return self.edge
        return ",".join(f"{t}={offset}" if n is None else f"{t}:{n}={offset}" for t, n, offset in self.numbers)

    async def offsets(self, reader: TopicReader, *, otherwise: Edge) -> Offsets:
        """Of each of the reader's partitions the first offset at or after this moment, within the log; the log's end
        where there is none yet.

        Offsets say nothing about partitions that they do not name: those are at ``otherwise`` (the beginning to read
        from, the end to read until). Raises NotAMoment when they name what the reader does not have, BeyondEnd when a
        partition does not reach there, and KafkaError.
        """
        begun, ends = await reader.beginnings(), await reader.ends()
        if self.edge is not None:
            return begun if self.edge == "beginning" else ends
        if self.time is not None:
            # Asked after the ends: what is appended in between is found, or is taken for later than the moment.
            found = await reader.at_time(_milliseconds(self.time), reader.places())
            return {place: ends[place] if hit is None else max(hit, begun[place]) for place, hit in found.items()}
        offsets = dict(begun if otherwise == "beginning" else ends)
        for place, offset in self._named(reader).items():
            if offset > ends[place]:
                raise BeyondEnd(f"{name(place)} ends at offset {ends[place]:,}, there is no {offset:,} yet")
            offsets[place] = max(offset, begun[place])
        return offsets

    def _named(self, reader: TopicReader) -> Offsets:
        named: Offsets = {}
        for topic, number, offset in sorted(self.numbers, key=lambda one: one[1] is not None):
            places = [place for place in reader.places() if place[0] == reader.kafka.topic(topic)]
            if not places:
                raise NotAMoment(f"{topic}={offset}: {topic} is not among the topics here ({', '.join(reader.topics)})")
            if number is not None and number >= len(places):
                raise NotAMoment(f"{topic}:{number}={offset}: {topic} has {len(places)} partitions, counted from 0")
            named |= {place: offset for place in places if number in (None, place[1])}
        return named


def parse(text: str, *, now: datetime | None = None) -> Moment:
    """What ``text`` means at ``now`` (with a zone, which counts as the local one; default: this machine's).

    - ISO 8601: ``2026-11-23T10:42:07.123+01:00``; without a zone local time, a date alone is its midnight, a time alone
      is today's. Of a local time that comes twice (the clocks go back) it is the first;
    - an age: ``90s``, ``15m``, ``1h30m``, ``3d``, ``2w`` (ago);
    - offsets: ``products:0=120,products:1=77``, or ``products=120`` for all its partitions; also as `shop events`
      shows them, ``products[0]@120``;
    - ``beginning``; ``end`` or ``now``.

    Raises NotAMoment, which says what is wrong and what would be right.
    """
    wanted = text.strip()
    if wanted.lower() in ("beginning", "end", "now"):
        return Moment(edge="beginning" if wanted.lower() == "beginning" else "end")
    try:
        if "=" in wanted or "@" in wanted:
            return Moment(numbers=_numbers(wanted))
        age = wanted.removesuffix("ago").rstrip()
        if _AGE.fullmatch(age):
            return Moment(time=_ago(age, now or datetime.now(UTC)))
        return Moment(time=_time(wanted, now))
    except (ValueError, OverflowError) as error:
        raise NotAMoment(f"{text!r} is no moment ({error}); give {HELP}") from None


def _numbers(text: str) -> tuple[tuple[str, int | None, int], ...]:
    found: dict[tuple[str, int | None], int] = {}
    for part in (part.strip() for part in text.split(",")):
        match = _OFFSET.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not TOPIC:PARTITION=OFFSET")
        topic, number, shown, offset = match.groups()
        partition = number or shown
        key = topic, None if partition is None else int(partition)
        if key in found:
            raise ValueError(f"{part!r}: that one has an offset already")
        found[key] = int(offset)
    return tuple((topic, partition, offset) for (topic, partition), offset in found.items())


def _ago(text: str, now: datetime) -> datetime:
    parts = _AGE_PART.findall(text)
    try:
        return now - sum((timedelta(**{_UNITS[unit.lower()]: int(count)}) for count, unit in parts), timedelta())
    except OverflowError:
        raise ValueError("that is before the year 1") from None


def _time(text: str, now: datetime | None) -> datetime:
    if _TIME.fullmatch(text):
        clock = time.fromisoformat(text.zfill(len(text) + (text[1] == ":")))
        today = (now or datetime.now().astimezone()).astimezone(clock.tzinfo or (now.tzinfo if now else None))
        return _with_zone(datetime.combine(today.date(), clock), now)
    if _DATE.fullmatch(text):
        return _with_zone(datetime.combine(date.fromisoformat(text), time()), now)
    if _DATE.match(text):
        return _with_zone(datetime.fromisoformat(text), now)
    raise ValueError("neither a date nor a time")


def _with_zone(moment: datetime, now: datetime | None) -> datetime:
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if now is None else moment.replace(tzinfo=now.tzinfo)


def _milliseconds(moment: datetime) -> int:
    """Rounded up: the broker counts whole ones, and a record of the millisecond before was appended before."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))
