"""Prices that change all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import aiohttp

from lab.comparing.faults.hit import Stage
from lab.comparing.scenarios import Fault
from lab.running.errors import ShopError


@dataclass
class Changes:
    """``count``: how many changes products has accepted."""

    count: int = 0


@asynccontextmanager
async def prices_changing(stage: Stage, fault: Fault) -> AsyncIterator[Changes]:
    """Changes a price ``per_second`` times a second, one product after the other, whether or not products answers. At
    the end of the block, however that comes, the prices are set back. Raises ShopError when the prices cannot be read
    or set back."""
    assert fault.per_second is not None
    changes, over = Changes(), asyncio.Event()
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(stage.layout.http("products"), timeout=timeout) as session:
        before = await _prices(session)
        task = asyncio.create_task(_change(session, before, 1 / fault.per_second, changes, over))
        try:
            yield changes
        finally:
            over.set()
            await task
            for product, price in before.items():
                await _set(session, product, price)


async def _prices(session: aiohttp.ClientSession) -> dict[int, int]:
    try:
        async with session.get("/products?limit=200") as response:
            response.raise_for_status()
            return {item["id"]: item["price"] for item in (await response.json())["items"] if not item["withdrawn"]}
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ShopError(f"products does not tell its prices ({error})") from error


async def _change(
    session: aiohttp.ClientSession, before: dict[int, int], every: float, changes: Changes, over: asyncio.Event
) -> None:
    """Until it is over; returns when all answers are there. Changes are sent when they are due, and one that fails is
    passed over."""
    products, loop = list(before), asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in count(1):
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), max(begin + number * every - loop.time(), 0))
                return
            product = products[number % len(products)]
            group.create_task(_counted(session, product, before[product] + number, changes))


async def _counted(session: aiohttp.ClientSession, product: int, price: int, changes: Changes) -> None:
    with suppress(ShopError):
        await _set(session, product, price)
        changes.count += 1


async def _set(session: aiohttp.ClientSession, product: int, price: int) -> None:
    body: dict[str, Any] = {"price": price}
    try:
        async with session.patch(f"/products/{product}", json=body) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ShopError(f"products does not take a price ({error})") from error
