"""A version of a service that behaves otherwise, deployed and rolled back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from lab.comparing.faults.hit import Stage
from lab.comparing.scenarios import Fault
from lab.dead_letters.deciding import requeue
from lab.dead_letters.letters import read_letters
from lab.running.layout import Layout
from lab.running.specs import service_spec


@asynccontextmanager
async def deployed(stage: Stage, fault: Fault) -> AsyncIterator[None]:
    """The target is asked to end, as any deployment does, and started with other settings. At the end of the block,
    however that comes, the version before it comes back, and dead letters that the shop has then are requeued."""
    layout, told = stage.layout, dict(stage.layout.told)
    told[fault.target] = {**told.get(fault.target, {}), **(fault.told or {})}
    try:
        await _replace(stage, replace(layout, told=told), fault.target)
        yield
    finally:
        await _replace(stage, layout, fault.target)
    if layout.wiring == "events":
        await requeue(layout, [letter for letter in await read_letters(layout) if letter.discarded_at is None])


async def _replace(stage: Stage, layout: Layout, service: str) -> None:
    stage.before_death()
    if any(state.name == service for state in stage.supervisor.states):
        await stage.supervisor.remove(service)
    await stage.supervisor.add(service_spec(layout, service))
