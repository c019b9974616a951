"""Customers who asked to wait until their order is settled (``Prefer: wait``)."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog

from kit.database import Database, is_transient
from orders_svc import store
from orders_svc.domain import Order

log = structlog.get_logger()


class Waiting:
    """Wakes who waits for an order: at once when this process settles it (``tell``, after the commit), and within
    ``poll_seconds`` when another replica did, by one query for all who wait."""

    def __init__(self, database: Database, *, poll_seconds: float = 0.1) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._waiters: dict[UUID, set[asyncio.Future[Order | None]]] = {}
        self._somebody = asyncio.Event()
        self._draining = False

    async def settled(self, order: Order, seconds: float) -> Order:
        """The order once it is settled, or as it was given when ``seconds`` have passed (or the process stops)."""
        if order.settled or seconds <= 0 or self._draining:
            return order
        future: asyncio.Future[Order | None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(order.id, set()).add(future)
        self._somebody.set()
        try:
            async with asyncio.timeout(seconds):
                return await future or order
        except TimeoutError:
            return order
        finally:
            waiters = self._waiters.get(order.id, set())
            waiters.discard(future)
            if not waiters:
                self._waiters.pop(order.id, None)

    def tell(self, orders: Iterable[Order]) -> None:
        """``orders`` have changed, and the change is committed."""
        for order in orders:
            if order.settled:
                for future in self._waiters.get(order.id, ()):
                    if not future.done():
                        future.set_result(order)

    def drain(self) -> None:
        """Lets everybody go: the process is about to stop, and nobody should have to wait for it."""
        self._draining = True
        for waiters in self._waiters.values():
            for future in waiters:
                if not future.done():
                    future.set_result(None)

    async def run(self) -> None:
        """Polls while somebody waits. Goes on when the database is away: those who wait get their answer later."""
        while True:
            await self._somebody.wait()
            self._somebody.clear()
            while self._waiters:
                await asyncio.sleep(self._poll_seconds)
                try:
                    async with self._database.connection() as connection:
                        self.tell((await store.load(connection, list(self._waiters))).values())
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("cannot look after waiting customers", error=str(error))
