"""Waiting until nothing moves any more: no order open, nothing prepared, no event on its way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg

from lab.audit.arrivals import Arrivals
from lab.audit.databases import SERVICES, Databases
from lab.audit.transactions import still_tried

Lag = Callable[[], Awaitable[int | None]]
"""How many events no consumer has handled yet; None when Kafka cannot say."""

_OPEN = "SELECT count(*) FROM orders WHERE status IN ('pending', 'cancelling')"
_PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
_UNDECIDED = "SELECT count(*) FROM three_phase_transactions WHERE state IN ('ready', 'pre_committed')"
_NEWEST = "SELECT id FROM orders ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Stillness:
    """``moving`` says what still moves (empty: quiet). ``live``: new orders kept arriving while we waited."""

    moving: dict[str, str]
    live: bool
    waited_seconds: float


async def wait_until_quiet(
    databases: Databases,
    lag: Lag | None,
    *,
    deadline: float,
    every: float = 0.1,
    load_is_over: bool = False,
    on_change: Callable[[], object] = lambda: None,
) -> Stillness:
    """Returns as soon as nothing moves, or after ``deadline`` seconds with what still does. Orders that keep arriving
    (see ``Arrivals``) make it return early: such a shop does not become quiet. Who knows that nobody places orders any
    more says ``load_is_over``; then it is never live.

    ``on_change`` is called at the beginning and whenever something else moves than before, last when it is quiet: what
    is measured there does not contain the waiting for what never moves again.
    """
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connection = await asyncpg.connect(getattr(databases, service))
            stack.push_async_callback(connection.close)
            connections[service] = connection
        begin = time.monotonic()
        arrivals = Arrivals()
        before: dict[str, str] | None = None
        while True:
            moving = await _moving(databases, connections, lag)
            waited = time.monotonic() - begin
            if moving != before:
                on_change()
                before = moving
            if not moving:
                return Stillness({}, False, waited)
            arrivals.note(await connections["orders"].fetchval(_NEWEST), waited)
            live = not load_is_over and arrivals.go_on(waited)
            if live or waited >= deadline:
                return Stillness(moving, live, waited)
            await asyncio.sleep(every)


async def _moving(databases: Databases, connections: Mapping[str, Any], lag: Lag | None) -> dict[str, str]:
    moving: dict[str, str] = {}
    if open_orders := await connections["orders"].fetchval(_OPEN):
        moving["orders"] = f"{open_orders} not settled"
    if databases.wiring == "tcc":
        moving |= await still_tried(connections["products"], connections["delivery"])
    for service, connection in connections.items():
        if prepared := await connection.fetchval(_PREPARED):
            moving[f"{service} prepared"] = f"{prepared} transactions not finished"
        if databases.wiring == "3pc" and service != "orders" and (undecided := await connection.fetchval(_UNDECIDED)):
            moving[f"{service} undecided"] = f"{undecided} transactions not decided"
    if databases.wiring != "events":
        return moving
    for service, connection in connections.items():
        if waiting := await connection.fetchval("SELECT count(*) FROM outbox"):
            moving[f"{service} outbox"] = f"{waiting} events not published"
    if lag is not None and (behind := await lag()):
        moving["consumers"] = f"{behind} events not handled"
    return moving
