"""``python -m lab.benchmarks.load``: what the load generator itself costs, and how exactly it keeps its times.

For each rate it sends orders (open loop) to a server that answers at once, in a process of its own, and reports: CPU
seconds that the generator burnt in a second of load (1.0 is a whole core), how late it sent, and the latency it found.
Where ``wrk`` is on the PATH, its CPU for each request is there for comparison; it is a closed loop that is written in
C, so what compares is the microseconds a request.
"""

import argparse
import asyncio
import json
import re
import resource
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from lab.benchmarks.known_server import known_server
from lab.console import console, step
from lab.load.plan import LoadPlan
from lab.load.process import Load

_WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"productId":2,"quantity":1,"customerId":"wrk","customerName":"Load Test","address":"1 Main Street"}'
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="1000,3000", help="orders a second, one or more")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where all figures go")
    asked = parser.parse_args()
    rows = asyncio.run(_measure(list(map(float, asked.rates.split(","))), asked.seconds, asked.rounds))
    _show(rows)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))


async def _measure(rates: list[float], seconds: float, rounds: int) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            for rate in rates:
                step(f"{rate:,.0f}/s, round {number} of {rounds}")
                rows.append({"round": number, **await _ours(rate, seconds, Path(folder))})
            if shutil.which("wrk"):
                step(f"wrk, round {number} of {rounds}")
                rows.append({"round": number, **await _wrk(seconds, Path(folder))})
    if not shutil.which("wrk"):
        step("wrk is not on the PATH: nothing to compare with")
    return rows


async def _ours(rate: float, seconds: float, folder: Path) -> dict[str, Any]:
    async with known_server() as url:
        plan = LoadPlan(url=url, run="bench", records=str(folder / "records.csv"), rate=rate, seconds=seconds)
        result = await (await Load.start(plan)).result()
    figures = {name: value for name, value in asdict(result).items() if name != "histogram"}
    return {
        "who": f"{rate:,.0f}/s",
        "cpu_a_second": result.cpu_seconds / seconds,
        "cpu_us_a_request": result.cpu_seconds * 1e6 / result.offered,
        **figures,
    }


async def _wrk(seconds: float, folder: Path) -> dict[str, Any]:
    script = folder / "order.lua"
    script.write_text(_WRK)
    async with known_server() as url:
        before = _children_cpu()
        command = ["wrk", "-t1", "-c16", f"-d{seconds:g}s", "-s", str(script), url]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        cpu = _children_cpu() - before
    requests = int(re.findall(r"(\d+) requests in", done.stdout)[0])
    return {
        "who": f"wrk, {requests / seconds:,.0f}/s",
        "cpu_a_second": cpu / seconds,
        "cpu_us_a_request": cpu * 1e6 / requests,
        "offered": requests,
    }


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="The load generator", title_justify="left", show_edge=False)
    names = ("who", "CPU s/s", "CPU us a request", "late p50 ms", "late p99 ms", "accept p50 ms", "accept p99 ms")
    for name in names:
        table.add_column(name, justify="left" if name == "who" else "right")
    for row in rows:
        times = [row.get(name, {}).get(p) for name in ("late", "accept_latency") for p in ("p50", "p99")]
        table.add_row(
            row["who"],
            f"{row['cpu_a_second']:.3f}",
            f"{row['cpu_us_a_request']:.0f}",
            *("-" if one is None else f"{one:.2f}" for one in times),
        )
    console.print(table)
    for row in rows:
        if why := row.get("invalid"):
            console.print(f"{row['who']}: not valid: {why}")


if __name__ == "__main__":
    main()
