"""How orders ended, asked over HTTP: for a shop whose databases are not ours to read."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from lab.load.records import Record

SETTLED = ("confirmed", "rejected", "cancelled")
STATUSES = (*SETTLED, "pending", "cancelling")
"""The words that an order's ``status`` may have here; others tell nothing."""
AT_ONCE = 16
EVERY = 0.5


@dataclass(frozen=True)
class Told:
    """``settled_at`` is Unix time by the shop's own clock, None when it does not tell."""

    status: str
    settled_at: float | None


async def ask_orders(orders: str, records: Iterable[Record], *, deadline: float) -> dict[int, Told] | None:
    """What ``GET`` of each order's ``Location`` tells, by index. None when the shop tells no status (or no
    ``Location``), which one order shows. Orders that are not settled are asked again for ``deadline`` seconds.

    Of a ``Location`` only the path counts: a shop behind a forwarded port calls itself by another name.
    """
    placed = [(record.index, record.location) for record in records if record.location]
    found: dict[int, Told] = {}
    until = time.monotonic() + deadline
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        if not placed or await _order(session, orders, placed[0][1]) is None:
            return None
        while True:
            await _ask(session, orders, placed, found)
            placed = [one for one in placed if one[0] not in found or found[one[0]].status not in SETTLED]
            if not placed or time.monotonic() > until:
                return found
            await asyncio.sleep(EVERY)


async def _ask(
    session: aiohttp.ClientSession, orders: str, placed: Sequence[tuple[int, str]], found: dict[int, Told]
) -> None:
    rest = iter(placed)

    async def some() -> None:
        for index, location in rest:
            told = await _order(session, orders, location)
            if told is not None:
                found[index] = told

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _order(session: aiohttp.ClientSession, orders: str, location: str) -> Told | None:
    try:
        async with session.get(urljoin(orders, urlsplit(location).path)) as response:
            body: Any = orjson.loads(await response.read()) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    if not isinstance(body, dict) or body.get("status") not in STATUSES:
        return None
    return Told(body["status"], _unix_time(body.get("settledAt")))


def _unix_time(text: object) -> float | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.timestamp() if at is not None and at.tzinfo is not None else None
