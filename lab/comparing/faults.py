"""What is done to a round's shop while it is under load, and undone while it still is."""

import asyncio
import time
from dataclasses import dataclass

from lab.comparing.accounting import Accounting
from lab.supervision import ProcessSpec, Supervisor
from lab.supervision.state import Phase


@dataclass(frozen=True)
class Outage:
    """When the service was really away: Unix times of the kill and of its being ready again."""

    service: str
    killed_at: float
    ready_at: float


async def take_down(service: str, supervisor: Supervisor, accounts: Accounting, *, at: float, seconds: float) -> Outage:
    """SIGKILLs the service at Unix time ``at`` and starts it again ``seconds`` later; returns when it is ready.

    When cancelled it stays down: the shop belongs to the round, which ends then and takes all of it away.
    """
    await asyncio.sleep(max(at - time.time(), 0))
    accounts.sample()
    supervisor.pause_restarts(service)
    await supervisor.kill(service)
    killed_at = time.time()
    await asyncio.sleep(seconds)
    await supervisor.resume_restarts(service)
    return Outage(service, killed_at, time.time())


async def await_crash(
    spec: ProcessSpec, supervisor: Supervisor, accounts: Accounting, *, until: float, seconds: float
) -> Outage | None:
    """Waits until the process has died of itself (at a crash point that it was told), and runs it as ``spec`` from
    ``seconds`` later on, which should name no crash point; returns when that is ready. None when it still lived at Unix
    time ``until``."""
    supervisor.pause_restarts(spec.name)
    while _phase(supervisor, spec.name) is Phase.READY:
        if time.time() > until:
            return None
        await asyncio.sleep(0.02)
    killed_at = time.time()
    accounts.sample()
    await asyncio.sleep(seconds)
    await supervisor.remove(spec.name)
    await supervisor.add(spec)
    return Outage(spec.name, killed_at, time.time())


def _phase(supervisor: Supervisor, name: str) -> Phase:
    (phase,) = (state.phase for state in supervisor.states if state.name == name)
    return phase
