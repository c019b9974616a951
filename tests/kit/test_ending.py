import asyncio
from contextlib import suppress

import pytest

from kit.ending import beside, end


async def test_a_task_that_swallows_its_cancellation_is_told_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    await end(task, again=0.01)

    assert swallowed == 2
    assert task.cancelled()


async def test_what_a_task_raised_at_its_end_stays_in_it() -> None:
    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)

    await end(task)

    assert isinstance(task.exception(), ValueError)


async def test_what_runs_beside_a_block_ends_with_it() -> None:
    ended = asyncio.Event()

    async def looking_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(looking_on()):
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set()


async def test_what_went_wrong_beside_a_block_is_raised_at_its_end() -> None:
    async def failing() -> None:
        raise ValueError("meanwhile")

    with pytest.raises(ValueError, match="meanwhile"):
        async with beside(failing()):
            await asyncio.sleep(0)
