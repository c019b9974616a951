"""What waits in a shop by events, looked at while it is under load: the outboxes, and what each consumer is behind."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from statistics import median
from typing import Any, NamedTuple

import asyncpg

from kit.ending import beside
from lab.running.away import SERVER_AWAY
from lab.running.lag import Lag
from lab.running.layout import SERVICES, Layout

EVERY = 0.25
LEAST = 20
"""Events: so much more may always wait at the end than at the beginning, it is what a single batch makes."""
SECONDS = 0.1
"""And so many seconds' worth of orders."""

_ENOUGH = 2


class Look(NamedTuple):
    """What waited at Unix time ``at``: events, by ``orders outbox`` or ``products reactions``."""

    at: float
    waiting: Mapping[str, int]


def grown(looks: Sequence[Look], begin: float, end: float, rate: float) -> dict[str, tuple[float, float]] | None:
    """The backlogs that grew between those Unix times, with their medians in the first and in the last third of it.

    To grow is to be larger in the last third by more than ``LEAST`` events and by more than what ``rate`` brings in
    ``SECONDS``: a backlog that stands still is a delay, and is judged as such. None when a third has fewer than two
    looks, so that nothing can be said.
    """
    third = (end - begin) / 3
    before = [one.waiting for one in looks if begin <= one.at < begin + third]
    after = [one.waiting for one in looks if end - third <= one.at <= end]
    if min(len(before), len(after)) < _ENOUGH:
        return None
    found = {}
    for name in sorted({name for waiting in after for name in waiting}):
        first, last = (median(waiting.get(name, 0) for waiting in some) for some in (before, after))
        if last - first > max(LEAST, SECONDS * rate):
            found[name] = (first, last)
    return found


class Watching:
    """``async with Watching(layout, lag) as seen``: looks until the block ends; ``seen.looks`` in order of time.

    A look that a database or Kafka does not answer is left out. ``lag`` stays the caller's."""

    def __init__(self, layout: Layout, lag: Lag) -> None:
        self.looks: list[Look] = []
        self._layout, self._lag = layout, lag
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Watching":
        connections: dict[str, Any] = {}
        for service in SERVICES:
            connections[service] = await asyncpg.connect(self._layout.auditor_url(service))
            self._stack.push_async_callback(connections[service].close)
        await self._stack.enter_async_context(beside(self._look_often(connections)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _look_often(self, connections: Mapping[str, Any]) -> None:
        while True:
            began = time.time()
            with suppress(*SERVER_AWAY):
                self.looks.append(Look(began, await self._waiting(connections)))
            await asyncio.sleep(max(began + EVERY - time.time(), 0.05))

    async def _waiting(self, connections: Mapping[str, Any]) -> dict[str, int]:
        waiting = {}
        for service, connection in connections.items():
            waiting[f"{service} outbox"] = await connection.fetchval("SELECT count(*) FROM outbox")
        for one in await self._lag.consumers(groups=False):
            waiting[f"{one.consumer} behind"] = one.lag
        return waiting
