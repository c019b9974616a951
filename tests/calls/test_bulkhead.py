"""A slow link keeps so many callers busy, and no more."""

import asyncio

import pytest

from calls.bulkhead import Bulkhead
from calls.errors import PeerCutOff
from calls.transport import Request, Response
from tests.calls.script import ASKED, OK, Script
from tests.waiting import eventually


class Slow(Script):
    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        await self.let_go.wait()
        return OK


async def full(script: Slow, wait: float = 0.0) -> tuple[Bulkhead, list["asyncio.Task[Response]"]]:
    bulkhead = Bulkhead(script, "peer", calls=3, wait=wait)
    tasks = [asyncio.create_task(bulkhead.send(ASKED)) for _ in range(3)]
    await eventually(lambda: len(script.sent) == 3)
    return bulkhead, tasks


async def test_who_finds_no_place_is_turned_away_at_once() -> None:
    script = Slow()
    bulkhead, tasks = await full(script)
    with pytest.raises(PeerCutOff, match="3 calls to it are under way"):
        await bulkhead.send(ASKED)
    script.let_go.set()
    assert await asyncio.gather(*tasks) == [OK] * 3
    assert len(script.sent) == 3


async def test_a_place_that_becomes_free_in_time_is_taken() -> None:
    script = Slow()
    bulkhead, tasks = await full(script, wait=30)
    fourth = asyncio.create_task(bulkhead.send(ASKED))
    script.let_go.set()
    assert await asyncio.gather(*tasks, fourth) == [OK] * 4


async def test_a_caller_that_goes_away_leaves_its_place() -> None:
    script = Slow()
    bulkhead, tasks = await full(script)
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    script.let_go.set()
    assert await bulkhead.send(ASKED) == OK
    await asyncio.gather(*tasks[1:])


async def test_another_link_is_not_concerned() -> None:
    script = Slow()
    _, tasks = await full(script)
    assert await Bulkhead(Script(), "other", calls=1).send(ASKED) == OK
    script.let_go.set()
    await asyncio.gather(*tasks)
