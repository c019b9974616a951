"""Waiting for a condition with a deadline, never for an amount of time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(condition: Callable[[], Awaitable[T]], *, within: float = 60.0, every: float = 0.01) -> T: ...


@overload
async def eventually(condition: Callable[[], T], *, within: float = 60.0, every: float = 0.01) -> T: ...


async def eventually(condition: Callable[[], Any], *, within: float = 60.0, every: float = 0.01) -> Any:
    """The first true value of ``condition``; TimeoutError with its last value after ``within`` seconds."""
    until = monotonic() + within
    while True:
        found = condition()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        if monotonic() > until:
            raise TimeoutError(f"still {value!r} after {within} s")
        await asyncio.sleep(every)
