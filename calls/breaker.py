"""Not asking a peer that fails: a circuit breaker a link, closed, open or half-open.

The states, the window and the rate are interlock's (``interlock-cb``): it opens at a failure rate over a window of
calls and lets a set number of probes through afterwards. pybreaker, aiobreaker, circuitbreaker and purgatory count
consecutive failures instead, so a link on which every second call fails would never be cut off.
"""

from collections.abc import Callable
from time import monotonic

import structlog
from interlock import CircuitBreaker, CircuitOpenError, Config, CoreEventListener, State
from prometheus_client import Counter, Gauge

from calls.errors import PeerCutOff
from calls.transport import Request, Response, Transport

log = structlog.get_logger()

STATES = ("closed", "open", "half_open")
STATE = Gauge("calls_breaker_state", "1 for the state in which the link's circuit breaker is", ["link", "state"])
CHANGES = Counter("calls_breaker_changes_total", "How often the circuit breaker entered a state", ["link", "state"])
CUT_OFF = Counter("calls_cut_off_total", "Calls that were not made, and why", ["link", "reason"])


def rules(*, window: int, calls: int, failure_rate: float, open_seconds: float) -> Config:
    """When a link is cut off: when at least ``failure_rate`` (0 to 1) of its last ``window`` calls failed, ``calls`` of
    them at the least; for ``open_seconds``. Then one call is the probe: it closes the circuit, or opens it again."""
    return Config(
        window_size=window,
        minimum_number_of_calls=min(calls, window),
        failure_rate_threshold=failure_rate,
        wait_duration_in_open=open_seconds,
        permitted_calls_in_half_open=1,
        max_concurrent_probes=1,
    )


class Breaker:
    """Raises PeerCutOff at once while the circuit is open, and beside the one probe while it is half-open.

    A call fails when it raises or is answered with a 5xx. A call that is too slow has to be raised as PeerTimeout by
    what is inside (``calls.limit``); it counts as any other failure. A 4xx is an answer. A call whose own caller went
    away proves nothing and is not counted.
    """

    def __init__(self, inner: Transport, link: str, config: Config, *, now: Callable[[], float] = monotonic) -> None:
        self._inner, self._link = inner, link
        self._circuit = CircuitBreaker(
            name=link, config=config, clock=_Clock(now), classifier=_Failures(), listener=_Told()
        )
        _show(link, State.CLOSED)

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``. It becomes half-open with the first call after ``open_seconds``."""
        return str(self._circuit.state)

    async def send(self, request: Request) -> Response:
        try:
            return await self._circuit.call_async(self._inner.send, request)
        except CircuitOpenError as error:
            CUT_OFF.labels(self._link, "circuit").inc()
            raise PeerCutOff(self._link, "not asked, its circuit is open", retry_after=error.retry_after) from error

    async def close(self) -> None:
        await self._inner.close()


class _Clock:
    def __init__(self, now: Callable[[], float]) -> None:
        self.monotonic = now


class _Failures:
    def is_failure(self, *, result: object, exception: Exception | None) -> bool:
        return exception is not None or (isinstance(result, Response) and result.status >= 500)


class _Told(CoreEventListener):
    def on_state_change(self, *, name: str, old: State, new: State) -> None:
        log.warning("the circuit of a link changed", link=name, was=str(old), now=str(new))
        CHANGES.labels(name, str(new)).inc()
        _show(name, new)


def _show(link: str, state: State) -> None:
    for one in STATES:
        STATE.labels(link, one).set(one == state)
