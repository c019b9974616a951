"""Injected slowness, for the laboratory: products works, but slowly.

The original lab slept 400 ms + rand * 220 ms where it took the stock, inside its transaction. Here the delay stands
where each wiring does that work: before every HTTP request to the catalogue or the participant, and inside the
transaction of every batch of events that is handled (one batch is one piece of work, as one request is). Probes are not
slowed down.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from events.envelope import Envelope
from events.outbox import Transaction
from events.reactions import Handler


class Slowness:
    """``delay_ms`` + up to ``jitter_ms`` milliseconds a piece of work. False when there is none."""

    def __init__(self, delay_ms: float, jitter_ms: float) -> None:
        self._delay_ms, self._jitter_ms = delay_ms, jitter_ms

    def __bool__(self) -> bool:
        return self._delay_ms + self._jitter_ms > 0

    async def pause(self) -> None:
        await asyncio.sleep((self._delay_ms + random.random() * self._jitter_ms) / 1000)

    def slowed(self, handler: Handler) -> Handler:
        """The handler, taking longer for each batch."""

        async def handle(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
            await self.pause()
            await handler(transaction, envelopes)

        return handle


class SlowRequests:
    """ASGI middleware that makes each request to products' own routes take longer."""

    def __init__(self, app: ASGIApp, slowness: Slowness) -> None:
        self._app, self._slowness = app, slowness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/products", "/participant")):
            await self._slowness.pause()
        await self._app(scope, receive, send)
