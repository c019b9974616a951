"""Keeping promises: orders that were accepted while delivery gave no answer are finished once it does."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from calls.client import PeerCutOff, PeerError
from kit.database import Database
from kit.periodic import every
from orders_svc import store
from orders_svc.domain import Order, Status
from orders_svc.placing.fallback import FallbackPlacing

log = structlog.get_logger()

KEPT = Counter("orders_promises_kept_total", "Orders accepted without delivery's answer, and confirmed later")
BROKEN = Counter("orders_promises_broken_total", "Orders accepted without delivery's answer, and not to be had later")

_AT_A_TIME = 200
_AT_ONCE = 8
_TOO_MANY = 3


def count(orders: Iterable[Order]) -> None:
    """``orders`` have changed, and the change is committed."""
    for order in orders:
        if order.promised_at is not None and order.events:
            KEPT.inc(order.status is Status.CONFIRMED)
            BROKEN.inc(order.promise_broken)


class Promises:
    """Looks every ``seconds`` for orders that wait for delivery, and for those that were left behind pending, without a
    promise, ``left_after`` seconds ago by a process that ended in the middle. Replicas may do the same at the same
    moment: delivery starts one delivery an order, and an order ends once."""

    def __init__(self, database: Database, placing: FallbackPlacing, *, seconds: float, left_after: float) -> None:
        self._database = database
        self._placing = placing
        self._seconds = seconds
        self._left_after = timedelta(seconds=left_after)
        self._last: UUID | None = None
        self._said = False

    async def run(self) -> None:
        await every(self._seconds, self.sweep)

    async def sweep(self) -> None:
        """Takes up every order that waits now, the oldest first and by itself: it finds out whether delivery is back.
        Ends when the link is cut off, or has failed for several orders; the next sweep goes on behind them, so that an
        order for which delivery always fails does not hold up the others."""
        failures = list[PeerError]()
        while orders := await self._waiting():
            for group in (orders[:1], *_batched(orders[1:], _AT_ONCE)):
                failures += await self._finish(group)
                if len(failures) >= _TOO_MANY or any(isinstance(failure, PeerCutOff) for failure in failures):
                    self._say(failures)
                    return
            if len(orders) < _AT_A_TIME:
                self._last = None
                break
        self._say(failures)

    def _say(self, failures: Sequence[PeerError]) -> None:
        """Once when delivery stops answering, and once when it answers again."""
        if failures and not self._said:
            log.warning("delivery gives no answer about promised orders; asking on", error=str(failures[-1]))
        elif self._said and not failures:
            log.info("promised orders were finished")
        self._said = bool(failures)

    async def _waiting(self) -> Sequence[Order]:
        before = datetime.now(UTC) - self._left_after
        async with self._database.connection() as connection:
            found = await store.waiting_for_delivery(connection, before=before, after=self._last, limit=_AT_A_TIME)
        if not found:
            self._last = None
        return found

    async def _finish(self, orders: Sequence[Order]) -> list[PeerError]:
        results = await asyncio.gather(*map(self._placing.finish, orders), return_exceptions=True)
        self._last = orders[-1].id
        failures = list[PeerError]()
        for result in results:
            if isinstance(result, PeerError):
                failures.append(result)
            elif result is not None:
                raise result
        return failures


def _batched(orders: Sequence[Order], size: int) -> Iterator[Sequence[Order]]:
    return (orders[begin : begin + size] for begin in range(0, len(orders), size))
