"""The services' own outboxes and relays, run here while the services are stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from events.outbox import Outbox
from events.relay import Relay
from kit.database import Database
from lab.running.errors import ShopError
from lab.running.layout import SERVICES, Layout

_BATCH = 2000
_STUCK_SECONDS = 60.0
_LOOK_SECONDS = 0.02


class NotPublished(ShopError):
    """Events wait in an outbox and nothing is published."""


class Publisher:
    """One service's database with its outbox, and a relay that publishes what is recorded there. Only while the service
    itself is stopped: its own relay would share the work, and ``behind`` would not know."""

    def __init__(self, layout: Layout, service: str) -> None:
        self.recorded = 0
        """Events recorded since the start (the writer says how many), with those that waited at the start."""
        self._service = service
        self._url = layout.service_url(service)
        self._relay = Relay(service=service, kafka=layout.broker(), database_url=self._url, batch_size=_BATCH)
        self.database = Database(self._url, min_size=1, max_size=2, application=f"{service} history")
        self.outbox = Outbox(self.database, self._relay.wake)
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.database.open()
        self.recorded = await self._waiting()
        self._running = asyncio.create_task(self._relay.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])
        await self.database.close()

    @property
    def published(self) -> int:
        """Events that Kafka acknowledged since the start."""
        return self._relay.published

    async def drained(self, *, to: int = 0) -> None:
        """Returns when at most ``to`` events wait; with 0 the outbox is empty. Raises NotPublished when nothing was
        published for a minute."""
        seen, since = -1, 0.0
        clock = asyncio.get_running_loop().time
        while self.recorded - self.published > to or (to == 0 and await self._waiting()):
            if self._running is not None and self._running.done():
                self._running.result()
            if self.published != seen:
                seen, since = self.published, clock()
            elif clock() - since > _STUCK_SECONDS:
                reason = self._relay.last_error or "another relay is at work"
                raise NotPublished(f"the events of {self._service} are not published: {reason}; run it again")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _waiting(self) -> int:
        async with self.database.connection() as connection:
            count: int = await connection.raw.fetchval("SELECT count(*) FROM outbox")
            return count


@asynccontextmanager
async def publishers(layout: Layout) -> AsyncIterator[dict[str, Publisher]]:
    """One for each service."""
    made = {service: Publisher(layout, service) for service in SERVICES}
    orders, products, delivery = made.values()
    async with orders, products, delivery:
        yield made
