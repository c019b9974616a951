"""An attempt that takes too long is given up, and the peer knows beforehand how long it has."""

import asyncio
from dataclasses import replace
from time import monotonic

import pytest

from calls.breaker import Breaker, rules
from calls.client import Caller, Peer
from calls.errors import PeerTimeout
from calls.limit import Limit
from calls.transport import Request, Response
from tests.calls.script import ASKED, OK, Script


class Never(Script):
    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        await asyncio.Event().wait()
        return OK


async def test_an_attempt_over_the_limit_is_a_time_out() -> None:
    with pytest.raises(PeerTimeout, match="no answer within 20 ms"):
        await Limit(Never(), "peer", seconds=0.02).send(replace(ASKED, deadline=monotonic() + 60))


async def test_the_attempt_is_told_the_shorter_of_limit_and_deadline() -> None:
    script, now = Script(), monotonic()
    for deadline, told in ((now + 60, now + 2), (now + 1, now + 0.995)):
        await Limit(script, "peer", seconds=2, now=lambda: now).send(replace(ASKED, deadline=deadline))
        assert script.sent[-1].deadline == told


async def test_past_the_deadline_nothing_is_sent() -> None:
    script = Script()
    with pytest.raises(PeerTimeout):
        await Limit(script, "peer", seconds=2).send(replace(ASKED, deadline=monotonic() - 1))
    assert script.sent == []


async def test_a_breaker_learns_of_calls_that_their_callers_deadline_cut_off() -> None:
    """The limit is longer than anybody waits."""
    config = rules(window=3, calls=3, failure_rate=1, open_seconds=60)
    breaker = Breaker(Limit(Never(), "peer", seconds=60), "peer", config)
    peer = Peer("http://peer", transport=breaker)
    for _ in range(30):
        with pytest.raises(PeerTimeout):
            await peer.get("/", caller=Caller(deadline=monotonic() + 0.05))
        if breaker.state == "open":
            break
    assert breaker.state == "open"
