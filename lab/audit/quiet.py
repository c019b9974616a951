"""Waiting until nothing moves any more: no order open, no event on its way."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lab.audit.databases import Databases, snapshot

Lag = Callable[[], Awaitable[int | None]]
"""How many events no consumer has handled yet; None when Kafka cannot say."""

_OPEN = "SELECT count(*) FROM orders WHERE status IN ('pending', 'cancelling')"
_PLACED = "SELECT max(id::text) FROM orders WHERE placed_at > clock_timestamp() - interval '1 minute'"


@dataclass(frozen=True)
class Stillness:
    """``moving`` says what still moves (empty: quiet). ``live``: new orders arrived while we waited."""

    moving: dict[str, str]
    live: bool
    waited_seconds: float


async def wait_until_quiet(databases: Databases, lag: Lag | None, *, deadline: float, every: float = 0.25) -> Stillness:
    """Returns as soon as nothing moves, or after ``deadline`` seconds with what still does. Orders that keep arriving
    for three seconds make it return early: such a shop does not become quiet."""
    begin = time.monotonic()
    last_new, live_since = await _newest(databases), None
    while True:
        moving = await _moving(databases, lag)
        waited = time.monotonic() - begin
        if not moving:
            return Stillness({}, False, waited)
        newest = await _newest(databases)
        if newest != last_new:
            last_new, live_since = newest, live_since or waited
        live = live_since is not None
        if waited >= deadline or (live and waited >= 3.0):
            return Stillness(moving, live, waited)
        await asyncio.sleep(every)


async def _moving(databases: Databases, lag: Lag | None) -> dict[str, str]:
    moving: dict[str, str] = {}
    async with snapshot(databases) as at:
        if open_orders := await at.orders.fetchval(_OPEN):
            moving["orders"] = f"{open_orders} not settled"
        for service, connection in at.items():
            if waiting := await connection.fetchval("SELECT count(*) FROM outbox"):
                moving[f"{service} outbox"] = f"{waiting} events not published"
    if databases.wiring == "events" and lag is not None:
        behind = await lag()
        if behind:
            moving["consumers"] = f"{behind} events not handled"
    return moving


async def _newest(databases: Databases) -> Any:
    async with snapshot(databases) as at:
        return await at.orders.fetchval(_PLACED)
