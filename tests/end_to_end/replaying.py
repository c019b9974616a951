"""``shop replay`` as a process of its own beside a running shop, and readers who must not notice it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg

from tests.end_to_end.shop import RunningShop
from tests.waiting import eventually

Seen = tuple[int, int, int, int]
"""Products in the copy, orders in the history, orders and revenue in sales."""

_SEEN = (
    "SELECT (SELECT count(*) FROM product_copy), (SELECT count(*) FROM history_orders), "
    "(SELECT coalesce(sum(orders), 0)::bigint FROM sales), (SELECT coalesce(sum(revenue), 0)::bigint FROM sales)"
)


@dataclass(frozen=True)
class Ended:
    """Exit code (negative: the signal), the JSON document if there is one, and what was said on stderr."""

    code: int
    told: Any
    said: str


class Replay:
    """``shop replay`` with these arguments, started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, shop: RunningShop, *arguments: str) -> "Replay":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lab", "replay", *arguments, "--json"),
            env={**os.environ, "SHOP_HOME": str(shop.on.home.root), "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    def kill(self) -> None:
        if self.running:
            self._process.send_signal(signal.SIGKILL)

    async def end(self) -> Ended:
        async with asyncio.timeout(150):
            out, said = await self._process.communicate()
        code = self._process.returncode
        assert code is not None
        return Ended(code, json.loads(out) if out else None, said.decode())


async def replay(shop: RunningShop, *arguments: str) -> Ended:
    return await (await Replay.start(shop, *arguments)).end()


async def rebuilt(shop: RunningShop, model: str) -> Any:
    """Rebuilds until it is swapped in; what that rebuild told. One that could not do it now said so in plain words."""

    async def once() -> Any:
        ended = await replay(shop, model)
        assert "Traceback" not in ended.said, ended.said
        assert ended.told is None or ended.told["equal"], ended.told
        return ended.told if ended.code == 0 else None

    told = await eventually(once, within=90, every=0.2)
    assert told["swapped"]
    return told


async def killed(shop: RunningShop, model: str, moment: Callable[[], Awaitable[object]]) -> None:
    """A rebuild is killed with -9 as soon as ``moment`` has come; begun again, if it had ended before that."""

    async def once() -> bool:
        process = await Replay.start(shop, model)

        async def come() -> bool:
            return not process.running or bool(await moment())

        try:
            await eventually(come, within=60, every=0.002)
        finally:
            process.kill()
        return (await process.end()).code == -signal.SIGKILL

    await eventually(once, within=90)


@asynccontextmanager
async def readers(shop: RunningShop) -> AsyncIterator[list[Seen]]:
    """Somebody reads all read models the whole time; what was seen, in order."""
    seen: list[Seen] = []

    async def read() -> None:
        connection: Any = None
        while True:
            try:
                if connection is None:
                    connection = await asyncpg.connect(shop.layout.auditor_url("orders"))
                seen.append(tuple(await connection.fetchrow(_SEEN)))
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError):
                connection = None  # PostgreSQL was killed
            await asyncio.sleep(0.01)

    task = asyncio.create_task(read())
    try:
        await eventually(lambda: bool(seen))
        yield seen
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def noticed(seen: list[Seen]) -> list[tuple[Seen, Seen]]:
    """Where a reader saw less than the moment before: while orders are only placed and confirmed, nothing gets less."""
    return [(before, after) for before, after in pairwise(seen) if any(map(int.__lt__, after, before))]
