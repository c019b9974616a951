"""``python -m lab.benchmarks.replay``: how fast read models are rebuilt, beside a consumer that only drains the topics.

For each number of events and each read model: topics of its own are filled, the model is built once, then it is rebuilt
with proof (``shop replay MODEL --check``) in turn with a bare aiokafka consumer that reads the same topics and drops
everything. Each run is a process of its own, so that its peak memory is its own. Medians of the rounds, with range.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop
from rich.table import Table

from events.kafka import Kafka
from lab.benchmarks import history
from lab.console import console, step
from lab.replay.rebuild import rebuild
from lab.replay.topic import TopicReader
from lab.running.layout import Layout
from lab.running.prepare import declare_topics, migrate, prepare_databases, remove
from lab.running.shop import Ground, ground
from lab.supervision import Home
from orders_svc.read_models import MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", default="100000,1000000", help="how many events to rebuild from, one or more")
    parser.add_argument("--models", default=",".join(MODELS), help="which read models")
    parser.add_argument("--products", type=int, default=10_000, help="different products in the events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where all figures go")
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        print(json.dumps(uvloop.run(_run(*asked.run))))
        return
    rows = asyncio.run(_measure(asked))
    _show(rows)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))


async def _measure(asked: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="shop-benchmark-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
        async with ground(Home(Path(folder) / "home"), step, _nobody, _nobody) as on:
            for events in map(int, asked.events.split(",")):
                for model in asked.models.split(","):
                    rows.append(await _measure_model(on, model, events, asked.products, asked.rounds))
    return rows


async def _measure_model(on: Ground, model: str, events: int, products: int, rounds: int) -> dict[str, Any]:
    layout = on.layout("benchmark", "events", f"benchmark-{model}-{events}", usual_ports=False)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(remove, layout)
        await prepare_databases(layout)
        await asyncio.gather(migrate(layout), declare_topics(layout))
        step(f"{model}: publishing {events:,} events")
        await _fill(layout.broker(), model, events, products)
        step(f"{model}: first build")
        first = await _child("rebuild", model, layout, "build")
        runs: dict[str, list[dict[str, Any]]] = {"drain": [], "rebuild": []}
        for number in range(rounds):
            for kind, done in runs.items():
                step(f"{model}: {kind}, round {number + 1} of {rounds}")
                done.append(await _child(kind, model, layout, "check"))
        return {"model": model, "events": events, "products": products, "first": first, **runs}


async def _fill(kafka: Kafka, model: str, events: int, products: int) -> None:
    """As many events on the topics that the model reads."""
    if model == "product-copy":
        made = history.products(events, products)
    else:
        per_order = 4 if "stock" in MODELS[model].topics else 2
        made = history.orders(events // per_order, products)
        if per_order == 2:
            made = (envelope for envelope in made if envelope.topic == "orders")
    await history.publish(kafka, made, lambda number: None)


async def _child(kind: str, model: str, layout: Layout, how: str) -> dict[str, Any]:
    arguments = [kind, model, layout.kafka, layout.topic_prefix, layout.service_url("orders"), how]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lab.benchmarks.replay", "--run", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{kind} of {model} ended with {process.returncode}")
    done: dict[str, Any] = json.loads(output)
    return done


async def _run(kind: str, model: str, bootstrap_servers: str, prefix: str, url: str, how: str) -> dict[str, Any]:
    kafka, begin, cpu = Kafka(bootstrap_servers, prefix), time.perf_counter(), time.process_time()
    if kind == "drain":
        read = await _drain(kafka, model)
        extra: dict[str, Any] = {}
    else:
        done = await rebuild(MODELS[model], kafka, url, check=how == "check", patience=0)
        read, extra = done.counts.read, done.as_dict()
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = time.process_time() - cpu
    return {"read": read, "seconds": seconds, "rate": read / seconds, "cpu_seconds": cpu, "peak_mib": peak, **extra}


async def _drain(kafka: Kafka, model: str) -> int:
    read = 0
    async with TopicReader(kafka, MODELS[model].topics) as topics:
        async for records in topics.read({}, await topics.ends()):
            read += len(records)
    return read


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="Rebuilding read models", title_justify="left", show_edge=False)
    columns = ("model", "events", "rebuild events/s", "drain events/s", "ratio", "rebuild peak MiB", "drain peak MiB")
    for name in columns:
        table.add_column(name, justify="left" if name == "model" else "right")
    for row in rows:
        rates = {kind: [run["rate"] for run in row[kind]] for kind in ("rebuild", "drain")}
        ratios = [one / other for one, other in zip(rates["rebuild"], rates["drain"], strict=True)]
        table.add_row(
            row["model"],
            f"{row['events']:,}",
            *(_range(rates[kind], ",.0f") for kind in ("rebuild", "drain")),
            _range(ratios, ".2f"),
            *(_range([run["peak_mib"] for run in row[kind]], ".0f") for kind in ("rebuild", "drain")),
        )
    console.print(table)


def _range(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _nobody(_name: str, _line: str) -> None:
    """What the backends say is in their log files."""


if __name__ == "__main__":
    main()
