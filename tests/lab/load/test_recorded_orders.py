"""The generator with orders that were recorded beforehand."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lab.load.plan import LoadPlan, PlanError
from lab.load.process import Load, LoadFailed
from lab.load.recorded import Arrival, read_recorded, write_recorded
from lab.load.records import read_records
from tests.lab.load.listening import listening

Seen = list[tuple[float, dict[str, Any]]]


@asynccontextmanager
async def server(answer_after: float = 0.0) -> AsyncIterator[tuple[str, Seen]]:
    """Its address, and the orders it got with their times."""
    seen: Seen = []

    async def orders(request: web.Request) -> web.Response:
        seen.append((time.time(), await request.json()))
        await asyncio.sleep(answer_after)
        return web.Response(status=202)

    async with listening(orders) as url:
        yield url, seen


def plan(url: str, folder: Path, arrivals: list[Arrival], **fields: Any) -> LoadPlan:
    file = folder / "recorded.csv"
    write_recorded(file, arrivals)
    return LoadPlan(url=url, run="test", records=str(folder / "records.csv"), recorded=str(file), seconds=5.0, **fields)


async def test_each_order_is_sent_at_its_time_as_it_was_recorded(tmp_path: Path) -> None:
    arrivals = [Arrival(0.0, 7, 3, "household-1"), Arrival(0.3, 8, 70_000, "household-2"), Arrival(0.3, 7, 1, "h, 1")]
    async with server() as (url, seen):
        asked = plan(url, tmp_path, arrivals)
        result = await (await Load.start(asked)).result()
    assert (result.offered, result.accepted) == (3, 3)
    told = sorted(body["address"] for _, body in seen)
    assert told == ["test-0", "test-1", "test-2"] == [asked.mark(index) for index in range(3)]
    by_mark = {body["address"]: body for _, body in seen}
    assert [(b["productId"], b["quantity"], b["customerId"]) for b in map(by_mark.get, told) if b] == [
        arrival[1:] for arrival in arrivals
    ]
    offsets = [record.intended_at - result.began_at for record in read_records(Path(asked.records))]
    assert offsets == pytest.approx([0.0, 0.3, 0.3], abs=0.001)
    times = {body["address"]: at for at, body in seen}
    early = [arrival.offset - (times[f"test-{n}"] - result.began_at) for n, arrival in enumerate(arrivals)]
    assert max(early) < 0.01, "none is sent before its time"


async def test_recorded_orders_wait_for_no_answer_and_say_how_far_they_are(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    arrivals = [Arrival(index / 100, 2, 1, "c") for index in range(100)]
    async with server(answer_after=1.5) as (url, seen):
        load = await Load.start(plan(url, tmp_path, arrivals, progress_seconds=0.1))
        result = await load.result(lambda sent, total: heard.append((sent, total)))
    assert result.most_in_flight == 100, "all were sent before the first answer came"
    assert len(seen) == 100
    assert result.accept_latency["p50"] == pytest.approx(1505, abs=150)
    assert [sent for sent, _ in heard] == sorted(sent for sent, _ in heard)
    assert heard[-1] == (100, 100)


def test_recorded_orders_survive_their_file(tmp_path: Path) -> None:
    arrivals = [Arrival(0.5, 1, 2, "a"), Arrival(1.25, 3, 4, 'with "quotes", and a comma')]
    written = write_recorded(tmp_path / "r.csv", arrivals)
    assert read_recorded(tmp_path / "r.csv") == written
    assert written.customers == ["a", 'with "quotes", and a comma']


async def test_a_file_that_holds_no_orders_is_said(tmp_path: Path) -> None:
    async with server() as (url, _):
        asked = plan(url, tmp_path, [])
        Path(asked.recorded).write_text("something else\n")
        with pytest.raises(LoadFailed, match="recorded orders cannot be read"):
            await (await Load.start(asked)).result()


def test_recorded_orders_have_their_own_times() -> None:
    with pytest.raises(PlanError, match="one of"):
        LoadPlan(url="http://x", run="r", records="r.csv", recorded="orders.csv", rate=5.0)
