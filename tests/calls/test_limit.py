"""An attempt that takes too long is given up, and the peer knows beforehand how long it has."""

import asyncio
from dataclasses import replace
from time import monotonic

import pytest

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
    for deadline, told in ((now + 60, now + 2), (now + 1, now + 1)):
        await Limit(script, "peer", seconds=2, now=lambda: now).send(replace(ASKED, deadline=deadline))
        assert script.sent[-1].deadline == told


async def test_past_the_deadline_nothing_is_sent() -> None:
    script = Script()
    with pytest.raises(PeerTimeout):
        await Limit(script, "peer", seconds=2).send(replace(ASKED, deadline=monotonic() - 1))
    assert script.sent == []
