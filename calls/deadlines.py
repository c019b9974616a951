"""A service does not begin work that its caller no longer waits for: two ASGI middlewares and one question.

``NoteArrival`` goes outermost: the time left (``X-Deadline-Ms``) runs from the moment the request is there, so what
happens to it inside the service counts. ``RefuseUnawaited`` goes innermost, right before the work.
"""

from time import monotonic

from prometheus_client import Counter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from calls.caller import Caller
from kit.problems import Problem

UNAWAITED = Counter("calls_unawaited_total", "Requests that were not begun: their caller's deadline had passed")
_KEY = "shop.waits_until"


class NoteArrival:
    """Notes until when the caller waits. Without this middleware nothing is ever refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_KEY] = Caller.of(Headers(scope=scope)).deadline
        await self._app(scope, receive, send)


class RefuseUnawaited:
    """Answers 504 to a request whose caller has stopped waiting, and leaves no trace of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_over(scope.get(_KEY)):
            await unawaited().response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def waits_until(request: Request) -> float | None:
    """The point of ``time.monotonic()`` after which the caller does not wait any more; None: nobody said."""
    noted: float | None = request.scope.get(_KEY)
    return noted


def is_over(deadline: float | None) -> bool:
    return deadline is not None and deadline <= monotonic()


def unawaited() -> Problem:
    """504, for work that was not begun."""
    UNAWAITED.inc()
    detail = "the time in X-Deadline-Ms had passed before the work could begin, so it was not begun"
    return Problem(504, "deadline-passed", "The caller's deadline has passed", detail)
