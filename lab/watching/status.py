"""The state of a running shop, from everywhere it can be asked."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import aiohttp
import asyncpg
import psutil
from aiokafka.errors import KafkaError

from lab.running.lag import Lag
from lab.running.layout import SERVICES, Layout
from lab.supervision import ProcessState, RunState
from lab.watching import tries
from lab.watching.breakers import breakers, open_circuits, promises
from lab.watching.mesh import ejections, mesh
from lab.watching.prepared import prepared_transactions, undecided_transactions

_OUTBOX = "SELECT count(*), extract(epoch FROM clock_timestamp() - min(recorded_at))::float8 AS oldest FROM outbox"
_DEAD = "SELECT count(*) FROM dead_letters WHERE discarded_at IS NULL"
_ORDERS = "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status"
_PRODUCTS = "SELECT id, version, changed_at FROM products"
_READ_MODELS_READY = "SELECT name FROM read_models WHERE ready_at IS NOT NULL"
_COPY = "SELECT product_id AS id, version FROM product_copy"

WELL = ("ready", "running")
"""The states of a process, and of a container, that does its work."""
OUTBOX_SECONDS = 10.0
"""An event that waits in an outbox for longer is alarming: the relay publishes within milliseconds."""
LAG_EVENTS = 1000
"""A consumer that is further behind is alarming: about a second of this shop's full load."""
PREPARED_SECONDS = 10.0
"""A transaction that is prepared (2pc: it locks what it touched) or undecided (3pc) for longer is alarming."""
STALE_SECONDS = 10.0
"""A change that the product copy has not shown for longer is alarming."""


async def status(layout: Layout, run: RunState) -> dict[str, Any]:
    """A JSON-ready document. What cannot be asked right now stands under ``unreachable`` with the reason."""
    return await look(layout, [_process(state) for state in run.processes], run.since)


async def look(layout: Layout, processes: Sequence[dict[str, Any]], since: float) -> dict[str, Any]:
    """The same of a shop that has these processes, or containers, and is up ``since`` that Unix time."""
    found: dict[str, Any] = {
        "wiring": layout.wiring,
        "up_seconds": round(time.time() - since, 1),
        "processes": list(processes),
        "ready": await _readiness(layout),
        "unreachable": {},
    }
    try:
        found |= await _books(layout)
        if layout.wiring == "events":
            found["ready"] |= await _read_models_readiness(layout)
        if layout.wiring == "tcc":
            found["tcc"] = await tries.tries(layout.audited())
    except (OSError, asyncpg.PostgresError) as error:
        found["unreachable"]["postgres"] = str(error)
    if layout.wiring == "chain-breaker":
        found["breakers"] = await breakers(layout)
    if layout.sidecars:
        found["mesh"] = await mesh(layout)
    if layout.wiring == "events":
        try:
            async with Lag(layout) as lag:
                found["consumers"] = [asdict(consumer) for consumer in await lag.consumers()]
        except (KafkaError, OSError, asyncpg.PostgresError) as error:
            found["unreachable"]["kafka"] = str(error)
    found["alarms"] = alarms(found)
    return found


def is_well(found: dict[str, Any]) -> bool:
    """All processes and services ready, everything reachable, no dead letters, nothing alarming."""
    ready = all(not reasons for reasons in found["ready"].values())
    running = all(process["state"] in WELL for process in found["processes"])
    return ready and running and not found["unreachable"] and not found["alarms"] and not _dead(found)


def alarms(found: dict[str, Any]) -> list[str]:
    """What waits for longer than it should, in words; see the constants above."""
    said = []
    if found["wiring"] == "events":
        for service, backlog in found.get("outbox", {}).items():
            if backlog["oldest_seconds"] > OUTBOX_SECONDS:
                said.append(f"outbox of {service}: the oldest event waits for {backlog['oldest_seconds']:.0f} s")
    for kind in ("prepared", "undecided"):
        for service, transactions in found.get(kind, {}).items():
            for one in transactions:
                if one["age_seconds"] > PREPARED_SECONDS:
                    said.append(f"{service}: {one['name']} is {kind} for {one['age_seconds']:.0f} s")
    for one in found.get("consumers", []):
        if one["lag"] > LAG_EVENTS:
            said.append(f"consumer {one['consumer']} is {one['lag']:,} events behind")
    if "tcc" in found:
        said += tries.alarms(found["tcc"])
    stale = found.get("product_copy", {}).get("stale_seconds", 0.0)
    if stale > STALE_SECONDS:
        said.append(f"the product copy has been stale for {stale:.0f} s")
    said += [f"the circuit of {link} is {state}" for link, state in open_circuits(found.get("breakers", {}))]
    said += ejections(found.get("mesh", {}))
    return said


def _dead(found: dict[str, Any]) -> bool:
    return any(found.get("dead_letters", {}).values())


def _process(state: ProcessState) -> dict[str, Any]:
    memory = None
    if state.pid is not None:
        with suppress(psutil.Error):
            top = psutil.Process(state.pid)
            memory = sum(process.memory_info().rss for process in (top, *top.children(recursive=True)))
    return {
        "name": state.name,
        "state": str(state.phase),
        "pid": state.pid,
        "port": state.port,
        "restarts": state.restarts,
        "since_seconds": round(time.time() - state.since, 1),
        "memory_mib": None if memory is None else round(memory / 2**20, 1),
    }


async def _readiness(layout: Layout) -> dict[str, dict[str, str]]:
    """Service (further replicas: ``orders-1``, ...) -> reasons why it is not ready; none when it is."""
    found: dict[str, dict[str, str]] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        for service in layout.ports:
            try:
                async with session.get(f"{layout.itself(service)}/health/ready") as response:
                    found[service] = (await response.json()).get("reasons", {})
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                found[service] = {"http": str(error) or type(error).__name__}
    return found


async def _read_models_readiness(layout: Layout) -> dict[str, dict[str, str]]:
    """Their workers have no port; they write down when they have once reached the ends of their topics."""
    connection = await asyncpg.connect(layout.auditor_url("orders"))
    try:
        ready = {row["name"] for row in await connection.fetch(_READ_MODELS_READY)}
    finally:
        await connection.close()
    behind = {"read model": "has not reached the ends of its topics yet"}
    return {name: {} if name in ready else behind for name in layout.read_models}


async def _books(layout: Layout) -> dict[str, Any]:
    """Backlogs, dead letters, orders and staleness, by the auditor's roles."""
    found: dict[str, Any] = {"outbox": {}, "dead_letters": {}, "prepared": {}}
    products: dict[int, Any] = {}
    copy: dict[int, int] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(layout.auditor_url(service))
        try:
            rows, oldest = await connection.fetchrow(_OUTBOX)
            found["outbox"][service] = {"rows": rows, "oldest_seconds": round(oldest or 0.0, 3)}
            found["dead_letters"][service] = await connection.fetchval(_DEAD)
            found["prepared"][service] = await prepared_transactions(connection, service)
            if layout.wiring == "3pc" and service != "orders":
                found.setdefault("undecided", {})[service] = await undecided_transactions(connection)
            if service == "products":
                products = {row["id"]: row for row in await connection.fetch(_PRODUCTS)}
            if service == "orders":
                copy = {row["id"]: row["version"] for row in await connection.fetch(_COPY)}
                found["orders"] = {row["status"]: row["count"] for row in await connection.fetch(_ORDERS)}
                if layout.wiring == "chain-breaker":
                    found["promises"] = await promises(connection)
        finally:
            await connection.close()
    if layout.wiring == "events":
        behind = [row for row in products.values() if copy.get(row["id"], 0) < row["version"]]
        stale = max((time.time() - row["changed_at"].timestamp() for row in behind), default=0.0)
        found["product_copy"] = {"products": len(products), "behind": len(behind), "stale_seconds": round(stale, 3)}
    return found
