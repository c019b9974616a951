"""A process that dies of itself, at a crash point that it was told."""

import asyncio
import time

from lab.comparing.faults.hit import Hit, Stage
from lab.running.specs import service_spec
from lab.supervision.state import Phase

_COORDINATOR = "orders"


async def await_crash(stage: Stage, *, until: float, seconds: float) -> Hit | None:
    """Waits until orders has died, and runs it without a crash point from ``seconds`` later on; returns when that is
    ready. None when it still lived at Unix time ``until``. However this ends, it runs without a crash point then."""
    supervisor = stage.supervisor
    supervisor.pause_restarts(_COORDINATOR)
    try:
        while stage.phase(_COORDINATOR) is Phase.READY:
            if time.time() > until:
                return None
            await asyncio.sleep(0.02)
        died_at = time.time()
        stage.before_death()
        await asyncio.sleep(seconds)
    finally:
        await supervisor.remove(_COORDINATOR)
        await supervisor.add(service_spec(stage.layout, _COORDINATOR))
    return Hit("crash", _COORDINATOR, died_at, time.time())
