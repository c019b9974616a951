"""Looking at a round's shop once a second: what waits in it, and which circuits are open."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import asyncpg

from kit.ending import beside
from lab.running.away import SERVER_AWAY
from lab.running.lag import Lag, Positions, positions_of
from lab.running.layout import SERVICES, Layout
from lab.watching.breakers import breakers
from lab.watching.mesh import mesh

EVERY = 1.0
"""Seconds between two looks; a look that took longer leaves out those that it overlapped."""
PATIENCE = 0.9
"""Seconds that databases, and then Kafka, have for their answer: what is later is None in that look."""
MOST_ROWS = 100_000
"""So many rows of an outbox are counted at most."""

_OUTBOX = f"SELECT count(*) FROM (SELECT FROM outbox LIMIT {MOST_ROWS}) AS waiting"
_AWAY = (*SERVER_AWAY, aiohttp.ClientError)


@dataclass(frozen=True)
class Sample:
    """One look at Unix time ``at``. ``outbox``: rows that wait in the three outboxes. ``lag``: events that somebody
    (reactions, product copy) still has to handle. Both are None when somebody who has to be asked did not answer, and
    in wirings without events. ``circuits``: link (``orders->products``) -> ``closed``, ``open`` or ``half_open``; a
    link whose process did not answer is missing."""

    at: float
    outbox: int | None = None
    lag: int | None = None
    circuits: Mapping[str, str] = field(default_factory=dict)


class Sampling:
    """``async with Sampling(layout, lag) as seen``: looks until the block ends; ``seen.samples`` in order of time.

    Asks only for what the wiring has: a shop without events, breakers and mesh is not asked at all. Nothing of the shop
    that is down or hangs stops it. ``lag`` stays the caller's, and must outlive it.
    """

    def __init__(self, layout: Layout, lag: Lag | None) -> None:
        self.samples: list[Sample] = []
        self._layout, self._lag = layout, lag
        self._books = {service: _Book(layout.auditor_url(service)) for service in SERVICES}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Sampling":
        for book in self._books.values():
            self._stack.callback(book.close)
        if self._lag is not None or self._layout.wiring in ("chain-breaker", "chain-mesh"):
            await self._stack.enter_async_context(beside(self._look_often()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def look(self) -> Sample:
        """One look, now."""
        at = time.time()
        outbox, lag = await self._waiting() if self._lag is not None else (None, None)
        return Sample(at, outbox, lag, await self._circuits())

    async def _look_often(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            self.samples.append(await self.look())
            due += EVERY * max(1, -(-(clock() - due) // EVERY))
            await asyncio.sleep(due - clock())

    async def _waiting(self) -> tuple[int | None, int | None]:
        """Rows in the outboxes, and events that are not handled."""
        read = await asyncio.gather(*(book.read() for book in self._books.values()))
        known: dict[tuple[str, str], dict[tuple[str, int], int]] = {}
        rows = 0
        for service, found in zip(self._books, read, strict=True):
            if found is None:
                return None, None
            rows += found[0]
            known |= {(service, consumer): offsets for consumer, offsets in found[1].items()}
        assert self._lag is not None
        try:
            async with asyncio.timeout(PATIENCE):
                return rows, sum(one.lag for one in await self._lag.consumers(groups=False, known=known))
        except _AWAY:
            return rows, None

    async def _circuits(self) -> dict[str, str]:
        layout = self._layout
        if layout.wiring == "chain-breaker":
            found = await breakers(layout, patience=PATIENCE)
            return {f"{asks}->{peer}": state for asks, states in found.items() for peer, state in states.items()}
        if layout.wiring == "chain-mesh":
            seen = await mesh(layout, patience=PATIENCE)
            return {
                f"{asks}->{peer}": "open" if 0 < upstream["hosts"] <= upstream["ejected"] else "closed"
                for asks, upstreams in seen.items()
                for peer, upstream in upstreams.items()
            }
        return {}


class _Book:
    """One service's database, through the auditor's role; one connection, made anew when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def read(self) -> tuple[int, Positions] | None:
        """Rows in the outbox and the consumers' positions; None when the database is away."""
        try:
            async with asyncio.timeout(PATIENCE):
                if self._connection is None:
                    self._connection = await asyncpg.connect(self._url)
                rows = await self._connection.fetchval(_OUTBOX)
                return rows, await positions_of(self._connection)
        except _AWAY:
            self.close()
            return None

    def close(self) -> None:
        """At once: a database that hangs is not waited for."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
