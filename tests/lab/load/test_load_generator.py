"""The generator against a server of known latency, both in processes of their own.

A busy machine makes timers late and processes wait, and that is no fault of either. So the server writes down how long
it really held each order, and the rest is compared with that: no order may have been faster, which holds on any
machine, and the fastest tenth may be slower by no more than ``OWN``: what a busy machine does to some orders it does
not do to all, but what a generator adds by mistake is in every one. The reported percentiles are compared with the
orders' own records, where nothing but the histogram's rounding may stand between them.
"""

import os
import time
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from lab.benchmarks.known_server import known_server, read_log
from lab.load.histogram import percentiles
from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.load.records import Record, read_records
from lab.load.result import LoadResult

OWN = 3.0
"""Milliseconds that an order may take beside what the server held it: an idle machine needs a third of one."""
MARGIN = 60.0
"""Milliseconds that a busy machine may add to half of the orders: less than any difference looked for here."""
ROUNDING = 0.002
"""Of an HdrHistogram with three significant digits, whose values are its steps' upper ends."""


async def run(folder: Path, *server: str, **plan: object) -> tuple[LoadResult, list[Record], dict[str, float]]:
    """The result, the records, and the milliseconds that the server held each order."""
    records, log = folder / "records.csv", folder / "held.csv"
    async with known_server(*server, "--log", str(log)) as url:
        result = await (await Load.start(LoadPlan(url=url, run="test", records=str(records), **plan))).result()  # type: ignore[arg-type]
    return result, list(read_records(records)), read_log(log)


def right(result: LoadResult, records: list[Record], held: dict[str, float]) -> None:
    """The figures are those of the records, and the records are those of the server."""
    waited = sorted(one.latency_ms for one in records if one.intended_at >= result.measured_from - 1e-6)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)):
        rank = int(share * len(waited) + 0.5) - 1
        assert result.accept_latency[name] == pytest.approx(waited[rank], rel=ROUNDING, abs=0.002), name
    assert percentiles(HdrHistogram.decode(result.histogram)) == result.accept_latency
    beyond = sorted(one.latency_ms - held[f"test-{one.index}"] for one in records)
    assert beyond[len(beyond) // 10] < OWN, "an order takes as long as the server holds it"
    assert beyond[len(beyond) // 2] < MARGIN
    from_when_they_were_due(records, held)


def from_when_they_were_due(records: list[Record], held: dict[str, float]) -> None:
    """An order waits until it is sent, and then as long as the server holds it: nobody has an answer before that."""
    assert min(one.latency_ms - one.late_ms - held[f"test-{one.index}"] for one in records) > -0.01


async def test_a_fixed_latency_is_measured_as_it_is(tmp_path: Path) -> None:
    result, records, held = await run(tmp_path, "--ms", "50", rate=100, seconds=2, warmup_seconds=0.4)
    assert (result.offered, result.accepted, result.invalid) == (200, 200, None)
    assert len(held) == len(records) == 240, "the warm-up is sent, but not measured"
    right(result, records, held)
    assert min(held.values()) == pytest.approx(50, abs=2), "the server is as slow as it was told"


async def test_both_humps_of_a_bimodal_latency_are_seen(tmp_path: Path) -> None:
    slow = ("--ms", "10", "--every", "10", "--slow-ms", "400")
    result, records, held = await run(tmp_path, *slow, rate=100, seconds=2)
    right(result, records, held)
    assert sum(record.latency_ms > 399 for record in records) == pytest.approx(20, abs=2)
    p50, p95 = result.accept_latency["p50"], result.accept_latency["p95"]
    assert p50 is not None
    assert p95 is not None
    assert p50 < 10 + MARGIN
    assert p95 > 399


STALL = ("--ms", "5", "--stall-at", "50", "--stall-ms", "1000")
"""The server answers nobody for a second, from its fiftieth order on."""


async def test_a_stall_is_seen_in_full_by_everybody_who_had_to_wait(tmp_path: Path) -> None:
    """At 100/s each of the 100 orders due in that second has waited for its rest of it."""
    result, records, held = await run(tmp_path, *STALL, rate=100, seconds=3)
    assert result.offered == 300
    right(result, records, held)
    waited = [record.latency_ms for record in records]
    for more_than, due in ((900, 10), (500, 50), (200, 80)):
        assert due - 2 <= sum(latency > more_than for latency in waited) <= due + MARGIN / 10, more_than
    assert result.late["p50"] is not None
    assert result.late["p50"] < MARGIN, "the orders were sent in time, while nobody was answered"


async def test_a_closed_loop_sees_of_the_same_stall_one_order(tmp_path: Path) -> None:
    """The user who waits sends nothing meanwhile: those who would have ordered then are in no figure."""
    result, records, held = await run(tmp_path, *STALL, concurrency=1, seconds=3)
    assert len(held) == len(records) > 50
    right(result, records, held)
    assert sum(record.latency_ms > 500 for record in records) == 1
    assert max(record.latency_ms for record in records) > 999


async def test_a_server_that_never_answers_delays_no_order(tmp_path: Path) -> None:
    result, records, _ = await run(tmp_path, "--ms", "60000", rate=100, seconds=1, timeout_seconds=1.5)
    assert result.statuses == {"no answer": 100}
    assert result.most_in_flight == 100, "all were sent, each in its time"
    assert min(record.latency_ms for record in records) > 1499


async def test_a_run_that_could_not_keep_its_schedule_is_marked_invalid(tmp_path: Path) -> None:
    result, records, held = await run(tmp_path, rate=100_000, seconds=0.1, late_limit_ms=20)
    assert result.invalid is not None
    assert "could not keep up" in result.invalid
    assert max(one.late_ms for one in records) > 20
    from_when_they_were_due(records, held)
    for one in records:
        due = result.began_at + one.index / 100_000
        assert one.intended_at == pytest.approx(due, abs=1e-5), "late orders are due when they were"


@pytest.mark.campaign
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not keep a process on one core")
async def test_one_core_is_enough_for_3000_orders_a_second(tmp_path: Path) -> None:
    async with known_server() as url:
        plan = LoadPlan(
            url=url, run="test", records=str(tmp_path / "records.csv"), rate=3000, seconds=10, start_at=time.time() + 2
        )
        load = await Load.start(plan)
        os.sched_setaffinity(load.process.pid, {max(os.sched_getaffinity(0))})
        result = await load.result()
    assert result.accepted == 30_000
    assert result.cpu_seconds / result.accepted < 250e-6
    assert result.invalid is None
    assert result.late["p50"] is not None
    assert result.late["p99"] is not None
    assert result.late["p50"] < 1
    assert result.late["p99"] < 20
