"""Ending a task for certain."""

import asyncio
from typing import Any


async def end(task: "asyncio.Task[Any]", *, again: float = 1.0) -> None:
    """Cancels the task and waits until it has ended, telling it again every ``again`` seconds: a library that swallows
    one CancelledError would otherwise go on for ever. What it raised is left in the task."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=again)
