"""CPU of a round, by who used it: sampled once a second while the round runs."""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import Any

from kit.ending import beside
from lab.mesh.sidecars import is_sidecar
from lab.running.cpu import CpuMeter, CpuUse
from lab.supervision import Supervisor
from orders_svc.read_models import NAMES

SERVICES = "services"
WORKER = "worker"
SIDECARS = "sidecars"
KAFKA = "kafka"
DATABASE = "database"


class Accounting:
    """``async with Accounting(supervisor) as accounts``: counts until the block ends."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._meter = CpuMeter(self._trees())
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Accounting":
        await self._stack.enter_async_context(beside(self._sample_often()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def sample(self) -> None:
        """Call it right before a process is killed."""
        self._meter.sample(self._trees())

    def use(self) -> CpuUse:
        self.sample()
        return self._meter.use()

    async def _sample_often(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.sample()

    def _trees(self) -> dict[str, list[int]]:
        trees: dict[str, list[int]] = {name: [] for name in (SERVICES, WORKER, SIDECARS, KAFKA, DATABASE)}
        for state in self._supervisor.states:
            if state.pid is not None:
                trees[_group(state.name)].append(state.pid)
        return trees


def _group(name: str) -> str:
    if is_sidecar(name):
        return SIDECARS
    return {"kafka": KAFKA, "postgres": DATABASE, **dict.fromkeys(NAMES, WORKER)}.get(name, SERVICES)


def cpu_figures(use: CpuUse, generator_seconds: float, settled: int, *, events: bool) -> dict[str, Any]:
    """Of the whole round, warm-up included: seconds by part, and CPU milliseconds per settled order of services,
    worker, sidecars, database and, for events, the broker. It idles in the other wirings; what that costs is told
    beside it. The lab itself is counted as foreign."""
    parts = (SERVICES, WORKER, SIDECARS, DATABASE, *((KAFKA,) if events else ()))
    shop = sum(use.by_name.get(part, 0.0) for part in parts)
    foreign = max(use.foreign - generator_seconds, 0.0)
    return {
        "per_settled_ms": round(shop * 1000 / settled, 3) if settled else None,
        "seconds": {part: round(use.by_name.get(part, 0.0), 3) for part in dict.fromkeys((*parts, KAFKA))},
        "generator_seconds": generator_seconds,
        "kafka_counted": events,
        "foreign_percent_of_machine": round(foreign * 100 / (use.wall * (os.cpu_count() or 1)), 1)
        if use.wall
        else None,
        "wall_seconds": round(use.wall, 3),
    }
