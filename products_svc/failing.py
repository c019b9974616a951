"""Injected errors, for the laboratory: products answers, but some pieces of work fail, as after a bad deployment.

They stand where the injected slowness does (``products_svc.slowness``): an HTTP request to the catalogue or the
participant is answered 500 before it is looked at, and a batch of events (one batch is one piece of work) raises before
any of it is handled. What raises is no transient failure, so an event that fails by itself becomes a dead letter, which
can be requeued when products works again. Probes never fail.
"""

import random
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from events.envelope import Envelope
from events.outbox import Transaction
from events.reactions import Handler
from kit.problems import Problem

_DETAIL = "this error was injected (SHOP_INJECT_ERROR_RATE); nothing was done"


class InjectedError(Exception):
    def __init__(self) -> None:
        super().__init__(_DETAIL)


class Failing:
    """``rate`` is the share of pieces of work that fail, 0 to 1. False when none do."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def __bool__(self) -> bool:
        return self._rate > 0

    def fails(self) -> bool:
        """Whether this piece of work is one that fails; by chance."""
        return random.random() < self._rate

    def failing(self, handler: Handler) -> Handler:
        """The handler, raising InjectedError for some batches."""

        async def handle(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
            if self.fails():
                raise InjectedError
            await handler(transaction, envelopes)

        return handle


class FailRequests:
    """ASGI middleware that answers some requests to products' own routes with 500, a problem."""

    def __init__(self, app: ASGIApp, failing: Failing) -> None:
        self._app, self._failing = app, failing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith(("/products", "/participant"))
        if ours and self._failing.fails():
            answer = Problem(500, "injected-error", "Internal server error", _DETAIL).response()
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
