"""What is done to the shop while it is under load. Whatever happens, it is undone."""

import asyncio
import time
from dataclasses import dataclass

from lab.comparing.accounting import Accounting
from lab.supervision import Supervisor


@dataclass(frozen=True)
class Outage:
    """When the service was really away: Unix times of the kill and of its being ready again."""

    service: str
    killed_at: float
    ready_at: float


async def take_down(service: str, supervisor: Supervisor, accounts: Accounting, *, at: float, seconds: float) -> Outage:
    """SIGKILLs the service at Unix time ``at`` and starts it again ``seconds`` later; also when cancelled."""
    await asyncio.sleep(max(at - time.time(), 0))
    accounts.sample()
    supervisor.pause_restarts(service)
    try:
        await supervisor.kill(service)
        killed_at = time.time()
        await asyncio.sleep(seconds)
    finally:
        await supervisor.resume_restarts(service)
    return Outage(service, killed_at, time.time())
