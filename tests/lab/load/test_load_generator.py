"""The generator against a server whose latency is known."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from lab.load.plan import LoadPlan
from lab.load.process import Load, LoadFailed
from lab.load.records import NO_ANSWER, NOT_SENT, read_records
from lab.load.result import LoadResult

Answer = Callable[[int], Awaitable[int]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """Answers the n-th order with the status that ``answer(n)`` returns; yields its address and the customers seen."""
    customers: list[str] = []

    async def orders(request: web.Request) -> web.Response:
        customers.append((await request.json())["customerId"])
        return web.Response(status=await answer(len(customers) - 1))

    app = web.Application()
    app.router.add_post("/orders", orders)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/orders", customers
    finally:
        await runner.cleanup()


async def run(url: str, records: Path, **fields: object) -> LoadResult:
    plan = LoadPlan(url=url, run="test", records=str(records / "records.csv"), **fields)  # type: ignore[arg-type]
    return await (await Load.start(plan)).result()


async def test_a_fixed_latency_is_measured_as_it_is(tmp_path: Path) -> None:
    async def answer(_: int) -> int:
        await asyncio.sleep(0.05)
        return 202

    async with server(answer) as (url, customers):
        result = await run(url, tmp_path, rate=50, seconds=2, warmup_seconds=0.4)
    assert result.offered == 100
    assert result.accepted == 100
    assert len(customers) == 120, "the warm-up is sent, but not measured"
    assert result.invalid is None
    assert result.accept_latency["p50"] == pytest.approx(53, abs=8)
    assert result.late["p50"] is not None
    assert result.late["p50"] < 5


async def test_both_humps_of_a_bimodal_latency_are_seen(tmp_path: Path) -> None:
    async def answer(n: int) -> int:
        await asyncio.sleep(0.2 if n % 10 == 0 else 0.01)
        return 202

    async with server(answer) as (url, _):
        result = await run(url, tmp_path, rate=100, seconds=2)
    assert result.accept_latency["p50"] == pytest.approx(13, abs=8)
    assert result.accept_latency["p95"] == pytest.approx(205, abs=20)


async def test_a_stall_is_seen_in_full_by_everybody_who_had_to_wait(tmp_path: Path) -> None:
    """One second without answers at 100/s: each of the 100 orders due in it has waited for its rest."""
    stall_from = 0.0

    async def answer(n: int) -> int:
        nonlocal stall_from
        if n == 100:
            stall_from = time.monotonic()
        if stall_from and (rest := stall_from + 1 - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        return 202

    async with server(answer) as (url, _):
        result = await run(url, tmp_path, rate=100, seconds=3)
    waited = sorted(record.latency_ms for record in read_records(tmp_path / "records.csv"))
    assert result.offered == 300
    assert result.accept_latency["max"] == pytest.approx(1000, abs=60)
    assert sum(latency > 500 for latency in waited) == pytest.approx(50, abs=8)
    assert sum(latency > 100 for latency in waited) == pytest.approx(90, abs=8)


async def test_orders_are_sent_on_time_while_none_is_answered(tmp_path: Path) -> None:
    async def answer(_: int) -> int:
        await asyncio.sleep(2)
        return 202

    async with server(answer) as (url, customers):
        result = await run(url, tmp_path, rate=50, seconds=1, timeout_seconds=0.5)
    assert len(customers) == 50
    assert result.statuses == {"no answer": 50}
    assert result.accepted == 0
    assert result.accept_latency["p50"] is None
    assert {record.status for record in read_records(tmp_path / "records.csv")} == {NO_ANSWER}


async def test_each_order_has_a_customer_of_its_own_and_its_record(tmp_path: Path) -> None:
    async def answer(n: int) -> int:
        return 202 if n % 2 else 503

    async with server(answer) as (url, customers):
        result = await run(url, tmp_path, rate=100, seconds=0.5, arrivals="poisson", seed=7)
    records = list(read_records(tmp_path / "records.csv"))
    assert set(customers) == {f"test-{record.index}" for record in records}
    assert result.statuses.keys() == {"202", "503"}
    assert result.accepted == sum(record.accepted for record in records)


async def test_a_refused_connection_is_certainly_no_order(tmp_path: Path) -> None:
    result = await run("http://127.0.0.1:9/orders", tmp_path, rate=50, seconds=0.2)
    assert result.statuses == {"not sent": 10}
    assert {record.status for record in read_records(tmp_path / "records.csv")} == {NOT_SENT}


async def test_a_run_that_could_not_keep_its_schedule_is_marked_invalid(tmp_path: Path) -> None:
    async def answer(_: int) -> int:
        return 202

    async with server(answer) as (url, _):
        result = await run(url, tmp_path, rate=30_000, seconds=0.3, late_limit_ms=20)
    assert result.invalid is not None
    assert "could not keep up" in result.invalid


async def test_a_closed_loop_keeps_its_customers_busy(tmp_path: Path) -> None:
    async def answer(_: int) -> int:
        await asyncio.sleep(0.02)
        return 201

    async with server(answer) as (url, customers):
        result = await run(url, tmp_path, concurrency=4, seconds=1)
    assert result.most_in_flight == 4
    assert len(customers) == pytest.approx(4 / 0.022, rel=0.25)


async def test_a_generator_that_is_stopped_gives_no_result(tmp_path: Path) -> None:
    plan = LoadPlan(url="http://127.0.0.1:9/", run="x", records=str(tmp_path / "r"), rate=1, seconds=60)
    load = await Load.start(plan)
    await load.stop()
    with pytest.raises(LoadFailed):
        await load.result()
