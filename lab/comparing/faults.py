"""What is done to a round's shop while it is under load, and undone while it still is."""

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
