"""Faults that hit at their time and are written down as they really were."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from lab.comparing.faults.crash import await_crash
from lab.comparing.faults.deploy import deployed
from lab.comparing.faults.hit import Hit, Stage
from lab.comparing.faults.outage import hanging, killed
from lab.comparing.faults.prices import Changes, prices_changing
from lab.comparing.scenarios import Fault

Block = AbstractAsyncContextManager[Changes | None]
_BLOCKS: Mapping[str, Callable[[Stage, Fault], Block]] = {
    "kill": killed,
    "hang": hanging,
    "deploy": deployed,
    "prices": prices_changing,
    "crash": killed,
}
_DONE = {
    "kill": "killed",
    "hang": "hangs",
    "deploy": "a bad version",
    "prices": "prices change",
    "crash": "killed",
}


async def strike(fault: Fault, stage: Stage, *, at: float, until: float, step: str = "") -> Hit | None:
    """Does it at Unix time ``at`` and undoes it; returns when that is done. Also when cancelled it is undone before
    this ends. None: nothing was done, because the shop has no such part (``absent``), or a coordinator that was to die
    at ``step`` lived until Unix time ``until``.

    Raises SupervisionError when what was taken down does not come back.
    """
    if why := absent(fault, stage):
        stage.say(why)
        return None
    if step:
        return await await_crash(stage, until=until, seconds=fault.seconds)
    await asyncio.sleep(max(at - time.time(), 0))
    began_at = time.time()
    stage.say(f"{fault.target}: {_DONE[fault.kind]} for {fault.seconds:g} s")
    async with _BLOCKS[fault.kind](stage, fault) as changes:
        await asyncio.sleep(fault.seconds)
    return Hit(fault.kind, fault.target, began_at, time.time(), changes.count if changes else None)


def absent(fault: Fault, stage: Stage) -> str | None:
    """Why there is nothing to do, None if there is."""
    if stage.process(fault.target) is not None:
        return None
    return f"{stage.layout.wiring} has no {fault.target.replace('-', ' ')}: nothing was done"
