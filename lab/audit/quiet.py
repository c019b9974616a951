"""Waiting until nothing moves any more: no order open, no event on its way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg

from lab.audit.databases import SERVICES, Databases

Lag = Callable[[], Awaitable[int | None]]
"""How many events no consumer has handled yet; None when Kafka cannot say."""

_OPEN = "SELECT count(*) FROM orders WHERE status IN ('pending', 'cancelling')"
_PLACED = (
    "SELECT count(*) || ' ' || max(id::text) FROM orders WHERE placed_at > clock_timestamp() - interval '1 minute'"
)


@dataclass(frozen=True)
class Stillness:
    """``moving`` says what still moves (empty: quiet). ``live``: new orders arrived while we waited."""

    moving: dict[str, str]
    live: bool
    waited_seconds: float


async def wait_until_quiet(databases: Databases, lag: Lag | None, *, deadline: float, every: float = 0.1) -> Stillness:
    """Returns as soon as nothing moves, or after ``deadline`` seconds with what still does. Orders that keep arriving
    for three seconds make it return early: such a shop does not become quiet."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connection = await asyncpg.connect(getattr(databases, service))
            stack.push_async_callback(connection.close)
            connections[service] = connection
        begin = time.monotonic()
        last_new, live_since = await connections["orders"].fetchval(_PLACED), None
        while True:
            moving = await _moving(databases, connections, lag)
            waited = time.monotonic() - begin
            if not moving:
                return Stillness({}, False, waited)
            newest = await connections["orders"].fetchval(_PLACED)
            if newest != last_new:
                last_new, live_since = newest, live_since or waited
            live = live_since is not None
            if waited >= deadline or (live and waited >= 3.0):
                return Stillness(moving, live, waited)
            await asyncio.sleep(every)


async def _moving(databases: Databases, connections: Mapping[str, Any], lag: Lag | None) -> dict[str, str]:
    moving: dict[str, str] = {}
    if open_orders := await connections["orders"].fetchval(_OPEN):
        moving["orders"] = f"{open_orders} not settled"
    if databases.wiring != "events":
        return moving
    for service, connection in connections.items():
        if waiting := await connection.fetchval("SELECT count(*) FROM outbox"):
            moving[f"{service} outbox"] = f"{waiting} events not published"
    if lag is not None and (behind := await lag()):
        moving["consumers"] = f"{behind} events not handled"
    return moving
