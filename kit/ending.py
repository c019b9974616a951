"""Tasks that run beside something, and end for certain."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def end(task: "asyncio.Task[Any]", *, again: float = 1.0) -> None:
    """Cancels the task and waits until it has ended, telling it again every ``again`` seconds: a library that swallows
    one CancelledError would otherwise go on for ever. What it raised is left in the task."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=again)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs it as a task for as long as the block lasts. What it raised meanwhile is raised at the block's end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end(task)
        if not task.cancelled():
            task.result()
