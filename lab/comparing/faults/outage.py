"""A process that is away: killed, or alive and answering nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.comparing.faults.hit import Stage
from lab.comparing.scenarios import Fault
from lab.supervision import SupervisionError
from lab.supervision.state import Phase

_LONGEST_START = 120.0


@asynccontextmanager
async def killed(stage: Stage, fault: Fault) -> AsyncIterator[None]:
    """SIGKILL to the target with all its children. At the end of the block, however that comes, it is started again
    and awaited until it is ready. Raises SupervisionError when it does not come back."""
    process = stage.process(fault.target)
    assert process is not None
    stage.before_death()
    stage.supervisor.pause_restarts(process)
    try:
        await stage.supervisor.kill(process)
        yield
    finally:
        await stage.supervisor.resume_restarts(process)
        await _ready(stage, process)


@asynccontextmanager
async def hanging(stage: Stage, fault: Fault) -> AsyncIterator[None]:
    """SIGSTOP to the target with all its children, SIGCONT at the end of the block, however that comes."""
    process = stage.process(fault.target)
    assert process is not None
    stage.supervisor.suspend(process)
    try:
        yield
    finally:
        stage.supervisor.resume(process)


async def _ready(stage: Stage, process: str) -> None:
    """One that was dead for no longer than it takes to bury it is started by its supervisor, not by us."""
    until = time.monotonic() + _LONGEST_START
    while stage.phase(process) is not Phase.READY:
        if time.monotonic() > until:
            raise SupervisionError(f"{process} was killed and has not come back within {_LONGEST_START:g} s")
        await asyncio.sleep(0.02)
