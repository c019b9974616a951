"""Killing, pausing and bringing back the containers of a running shop."""

import asyncio
import time
from collections.abc import Sequence

import aiohttp

from lab.compose.containers import Container, containers, process_states
from lab.compose.docker import EngineFailed, docker
from lab.compose.layout import ComposeLayout
from lab.running.layout import SERVICES
from lab.supervision import ProcessState

READY_SECONDS = 120.0


class Engine:
    """What a ``Supervisor`` is for processes, for as much as is done to a shop on purpose. Names are those that its
    parts have without containers. ``states`` are those of the last look: after each deed there is another one."""

    def __init__(self, layout: ComposeLayout) -> None:
        """Raises EngineFailed, NoContainers."""
        self._layout = layout
        self._found: Sequence[Container] = ()
        self._look()

    @property
    def states(self) -> tuple[ProcessState, ...]:
        return process_states(self._found, self._layout)

    def pause_restarts(self, name: str) -> None:
        """Nothing to do: what ``docker kill`` has killed stays away until it is started."""

    async def kill(self, name: str) -> None:
        """SIGKILL to the container's first process, with which all others end. Raises EngineFailed."""
        await asyncio.to_thread(docker, "kill", self._id(name))
        await asyncio.to_thread(self._look)

    async def resume_restarts(self, name: str) -> None:
        """Starts it again, and returns when it is ready. Raises EngineFailed, also when that takes too long."""
        await asyncio.to_thread(docker, "start", self._id(name))
        until = time.monotonic() + READY_SECONDS
        while not await self._ready(name):
            if time.monotonic() > until:
                raise EngineFailed(
                    f"{name} is not ready {READY_SECONDS:g} s after `docker start`; `shop status` says more"
                )
            await asyncio.sleep(0.1)
        await asyncio.to_thread(self._look)

    def suspend(self, name: str) -> None:
        """Freezes all its processes. Raises EngineFailed."""
        docker("pause", self._id(name))

    def resume(self, name: str) -> None:
        docker("unpause", self._id(name))

    async def _ready(self, name: str) -> bool:
        """A service says so itself; of others the engine knows."""
        if name not in SERVICES:
            await asyncio.to_thread(self._look)
            return any(one.well for one in self._found if one.id == self._id(name))
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
                session.get(f"{self._layout.itself(name)}/health/ready") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _id(self, name: str) -> str:
        shared = name in ("kafka", "postgres")
        wanted = name if shared else self._layout.container(name)
        for one in self._found:
            if one.service == wanted:
                return one.id
        raise EngineFailed(f"there is no container of {wanted}")

    def _look(self) -> None:
        self._found = containers(self._layout)
