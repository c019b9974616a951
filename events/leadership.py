"""At most one process at a time does a certain job on a database, and another takes over when it dies."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import perf_counter
from typing import Any

import asyncpg

from kit.ending import end

STANDBY_SECONDS = 1.0
IDLE_SECONDS = 30.0


class Leadership:
    """The role called ``name`` on a database: a session advisory lock, on the connection that the job is done on.

    Whoever loses the connection loses the role, and cannot do anything more on it either. A holder that dies is
    replaced within a second or so, one whose machine vanished without a word within about ten more. A job must do
    something on its connection every few seconds: one that is silent for ``IDLE_SECONDS`` counts as frozen (a stopped
    process, a paused machine) and loses the role.

    It also carries the wake-up call: ``wake`` reaches the holder wherever it is, by an event in this process or by
    NOTIFY (sent on a standby's own connection: in the business transactions it would serialise their commits).
    """

    def __init__(self, database_url: str, name: str) -> None:
        self._url = database_url
        self._channel = name
        self._key = int.from_bytes(sha256(f"shop {name}".encode()).digest()[:8], "big", signed=True)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Cheap; from the event loop's thread."""
        self._woken.set()

    async def woken(self, seconds: float) -> bool:
        """Waits for a wake-up call, ``seconds`` at most. A call that came since the last wait counts."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            self._woken.clear()
        return True

    async def hold(self, standing_by: Callable[[], None], job: Callable[[Any], Awaitable[None]]) -> None:
        """Connects, stands by until the role is free, then runs ``job(connection)`` (an asyncpg connection of its own).

        Ends when the job ends or raises, with ConnectionError when the connection is lost, or as the database fails.
        Whichever it is, the job has stopped and the role is given up by then.
        """
        connection = await _connect(self._url, self._channel)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection.add_termination_listener(lambda _: None if lost.done() else lost.set_result(None))
        work = asyncio.create_task(self._contend(connection, standing_by, job))
        try:
            await asyncio.wait([work, lost], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ConnectionError(f"the connection that holds the role {self._channel!r} was lost")
            work.result()
        finally:
            await end(work)
            connection.terminate()

    async def _contend(
        self, connection: Any, standing_by: Callable[[], None], job: Callable[[Any], Awaitable[None]]
    ) -> None:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key):
            standing_by()
            until = perf_counter() + STANDBY_SECONDS * random.uniform(0.7, 1.0)
            while (remaining := until - perf_counter()) > 0:
                if await self.woken(remaining):
                    await connection.execute("SELECT pg_notify($1, '')", self._channel)
        await connection.add_listener(self._channel, lambda *_: self._woken.set())
        await job(connection)


async def _connect(url: str, name: str) -> Any:
    return await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=10,
        server_settings={
            "application_name": name,
            "timezone": "UTC",
            "idle_session_timeout": f"{IDLE_SECONDS * 1000:.0f}",
            "tcp_keepalives_idle": "3",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
    )
