"""A link to another service as each wiring has it: which wrappers stand round its connections, and in which order."""

from calls.breaker import Breaker, rules
from calls.bulkhead import Bulkhead
from calls.client import Peer
from calls.limit import Limit
from calls.retry import Budget, Patience, Retry
from calls.settings import CallSettings
from calls.spans import traced
from calls.transport import HttpTransport, Transport

RETRYING = ("chain-retry", "chain-breaker")
"""Wirings whose calls are repeated, limited, and refused when nobody waits for them any more."""


def link(name: str, url: str, settings: CallSettings) -> Peer:
    """The peer ``name`` (which is the label of the link's metrics).

    ``chain-retry``: each attempt has its limit, and what brought no answer is tried again. ``chain-breaker``: between
    the two, from the outside in, a bulkhead and a circuit breaker. So each attempt counts in the breaker by itself; a
    pause between two attempts holds no place in the bulkhead; and a call that the bulkhead turns away says nothing
    about the peer, so the breaker does not hear of it.
    """
    transport: Transport = HttpTransport(url)
    if settings.wiring in RETRYING:
        transport = Limit(transport, name, seconds=settings.call_limit_ms / 1000)
        if settings.wiring == "chain-breaker":
            transport = _guarded(transport, name, settings)
        transport = _repeated(traced(transport, url), name, settings)
    else:
        transport = traced(transport, url)
    return Peer(url, settings.call_deadline_seconds, transport=transport)


def _guarded(transport: Transport, name: str, settings: CallSettings) -> Transport:
    config = rules(
        window=settings.breaker_window,
        calls=settings.breaker_calls,
        failure_rate=settings.breaker_failure_rate,
        open_seconds=settings.breaker_open_seconds,
    )
    breaker = Breaker(transport, name, config)
    return Bulkhead(breaker, name, calls=settings.bulkhead_calls, wait=settings.bulkhead_wait_ms / 1000)


def _repeated(transport: Transport, name: str, settings: CallSettings) -> Transport:
    patience = Patience(settings.retry_attempts, settings.retry_pause_ms / 1000, settings.retry_pause_most_ms / 1000)
    return Retry(transport, name, patience, Budget(settings.retry_budget, settings.retry_burst))
