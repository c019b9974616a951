"""A transport that does what a test's script says, and a clock that goes on only when it is told to."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, repeat

from calls.errors import PeerTimeout, PeerUnavailable
from calls.transport import Request, Response

OK = Response(200, {}, b"{}")
AWAY = PeerUnavailable("peer", "nobody listens")
SLOW = PeerTimeout("peer", "no answer within 300 ms")
ASKED = Request("GET", "/products/2", None, {}, deadline=100.0, idempotent=True)
ONCE = replace(ASKED, method="POST", idempotent=False)


def answer(status: int) -> Response:
    return Response(status, {}, b"{}")


class Clock:
    """Seconds since the test began. Sleeping on it takes no time, and is remembered in ``slept``."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """Answers or raises one line of the script an attempt, the last one for ever; an attempt takes ``takes`` seconds of
    the clock."""

    def __init__(
        self, lines: Iterable[Response | Exception] = (OK,), clock: Clock | None = None, takes: float = 0.0
    ) -> None:
        lines = list(lines)
        self._lines = chain(lines, repeat(lines[-1]))
        self._clock, self._takes = clock or Clock(), takes
        self.sent: list[Request] = []
        self.closed = False

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        self._clock.now += self._takes
        line = next(self._lines)
        if isinstance(line, Exception):
            raise line
        return line

    async def close(self) -> None:
        self.closed = True
