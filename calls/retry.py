"""Asking again when a call brought no answer: exponential back-off with full jitter, on a budget, within the deadline.

The pauses and attempts are tenacity's (``wait_random_exponential`` is the "full jitter" of
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). stamina, which builds on it, only adds
jitter to a fixed pause, so callers that failed together would come back close together.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from prometheus_client import Counter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, retry_if_result, wait_random_exponential

from calls.errors import PeerCutOff, PeerError, PeerTimeout, PeerUnavailable
from calls.transport import Request, Response, Transport

REPEATED = Counter("calls_repeated_total", "Attempts after the first one", ["link"])
GIVEN_UP = Counter(
    "calls_given_up_total", "Calls that failed for good, and why they were not repeated", ["link", "reason"]
)

AGAIN = frozenset({502, 503, 504})
"""Answers that say that somebody could not be reached; whether the work was done is as open as without an answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """``attempts`` at most, the first included. Before the n-th repetition a random part of ``pause * 2**(n - 1)``
    seconds, of ``longest_pause`` at most, is waited."""

    attempts: int = 3
    pause: float = 0.05
    longest_pause: float = 1.0


class Budget:
    """Repetitions are at most ``share`` of the calls, in the long run: each call earns that part of one, and ``burst``
    can be saved up (there is that much to begin with). So a peer that is down is not asked three times as often."""

    def __init__(self, share: float = 0.2, burst: float = 10.0) -> None:
        self._share, self._burst, self._saved = share, burst, burst

    def earn(self) -> None:
        self._saved = min(self._saved + self._share, self._burst)

    def spend(self) -> bool:
        """Whether there is one to be had; then it is gone."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


class Retry:
    """Sends an idempotent request again after PeerUnavailable, PeerTimeout, 502, 503 or 504, and returns or raises what
    the last attempt brought. Never repeated: a request that is not idempotent, one that was not sent on purpose
    (PeerCutOff), and one that could not begin again before its deadline; that is known at once and not waited for."""

    def __init__(
        self,
        inner: Transport,
        link: str,
        patience: Patience,
        budget: Budget,
        *,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner, self._link, self._patience, self._budget, self._now = inner, link, patience, budget, now
        self._retrying = AsyncRetrying(
            sleep=sleep,
            wait=wait_random_exponential(multiplier=patience.pause, max=patience.longest_pause),
            retry=retry_if_exception(_is_nothing) | retry_if_result(_is_nothing),
            stop=self._gives_up,
            retry_error_callback=_what_it_brought,
        )

    async def send(self, request: Request) -> Response:
        self._budget.earn()
        if not request.idempotent:
            return await self._inner.send(request)
        try:
            first: Response | PeerError = await self._inner.send(request)
        except (PeerUnavailable, PeerTimeout) as error:
            first = error
        if _is_nothing(first):
            response: Response = await self._retrying.copy()(_Attempts(self._inner, first).send, request)
            return response
        return _brought(first)

    async def close(self) -> None:
        await self._inner.close()

    def _gives_up(self, state: RetryCallState) -> bool:
        """Asked once after each failed attempt; a repetition that is allowed is paid for here."""
        request: Request = state.args[0]
        if state.attempt_number >= self._patience.attempts:
            reason = "attempts"
        elif self._now() + state.upcoming_sleep >= request.deadline:
            reason = "deadline"
        elif not self._budget.spend():
            reason = "budget"
        else:
            REPEATED.labels(self._link).inc()
            return False
        GIVEN_UP.labels(self._link, reason).inc()
        return True


class _Attempts:
    """The attempts of a call whose first one has been made already: most calls need no other, and are spared what
    tenacity keeps about them (four fifths of what this wrapper costs)."""

    def __init__(self, inner: Transport, first: Response | PeerError) -> None:
        self._inner = inner
        self._first: Response | PeerError | None = first

    async def send(self, request: Request) -> Response:
        first, self._first = self._first, None
        return await self._inner.send(request) if first is None else _brought(first)


def _is_nothing(brought: object) -> bool:
    """Whether an attempt brought neither an answer nor the certainty that there is none to be had."""
    if isinstance(brought, Response):
        return brought.status in AGAIN
    return isinstance(brought, PeerUnavailable | PeerTimeout) and not isinstance(brought, PeerCutOff)


def _brought(brought: Response | PeerError) -> Response:
    if isinstance(brought, PeerError):
        raise brought
    return brought


def _what_it_brought(state: RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.result()
