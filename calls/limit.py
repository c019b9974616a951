"""How long a peer may take for one attempt: who waits longer waits in vain, and holds a connection meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from calls.errors import PeerTimeout
from calls.transport import Request, Response, Transport

_BEFORE = 0.005


class Limit:
    """Gives each attempt ``seconds``, or what is left until the request's deadline if that is less; then raises
    PeerTimeout. The peer is told this shorter time (``X-Deadline-Ms``), so what it asks others in turn ends earlier.

    A deadline is met 5 ms before it passes: at that moment the whole call is given up from the outside, and a circuit
    breaker round this would not learn that there was no answer.
    """

    def __init__(self, inner: Transport, link: str, *, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._inner, self._link, self._seconds, self._now = inner, link, seconds, now

    async def send(self, request: Request) -> Response:
        now = self._now()
        until = min(request.deadline - _BEFORE, now + self._seconds)
        if until <= now:
            raise PeerTimeout(
                self._link, f"{request.method} {request.path}: the deadline had passed before it was sent"
            )
        try:
            async with asyncio.timeout(until - now):
                return await self._inner.send(replace(request, deadline=until))
        except TimeoutError as error:
            said = f"{request.method} {request.path}: no answer within {(until - now) * 1000:.0f} ms"
            raise PeerTimeout(self._link, said) from error

    async def close(self) -> None:
        await self._inner.close()
