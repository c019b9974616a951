"""A slow link must not take everything: so many calls to one peer at a time, and no more."""

import asyncio

from prometheus_client import Gauge

from calls.breaker import CUT_OFF
from calls.errors import PeerCutOff
from calls.transport import Request, Response, Transport

UNDER_WAY = Gauge("calls_under_way", "Calls that hold a place in their link's bulkhead", ["link"])


class Bulkhead:
    """At most ``calls`` at a time. Who finds no place within ``wait`` seconds gets PeerCutOff, so that customers of a
    slow link neither queue up without end nor keep connections and memory from the customers of the others."""

    def __init__(self, inner: Transport, link: str, *, calls: int, wait: float = 0.0) -> None:
        self._inner, self._link, self._calls, self._wait = inner, link, calls, wait
        self._places = asyncio.Semaphore(calls)
        self._under_way = UNDER_WAY.labels(link)

    async def send(self, request: Request) -> Response:
        await self._take_a_place()
        try:
            with self._under_way.track_inprogress():
                return await self._inner.send(request)
        finally:
            self._places.release()

    async def close(self) -> None:
        await self._inner.close()

    async def _take_a_place(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError as error:
            CUT_OFF.labels(self._link, "bulkhead").inc()
            said = f"not asked, {self._calls} calls to it are under way already"
            raise PeerCutOff(self._link, said, retry_after=1.0) from error
