"""A service as its own process, as it runs in earnest."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.service_app import NOBODY
from tests.waiting import eventually


@dataclass
class Running:
    """A process that answers at ``url``; ``output`` is what it wrote, once it was terminated."""

    url: str
    process: Process
    output: str = ""

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        written, _ = await asyncio.wait_for(self.process.communicate(), 20)
        self.output = written.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def service_process(
    package: str, database_url: str, *, kafka: str = NOBODY, **settings: object
) -> AsyncIterator[Running]:
    """``python -m package``, with settings by their names in the environment, without ``SHOP_``. Killed at the end if
    it still runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SHOP_DATABASE_URL": database_url,
        "SHOP_PORT": str(port),
        **{f"SHOP_{name}": str(value) for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", package, env=environment, stdout=PIPE, stderr=STDOUT
    )
    running = Running(f"http://127.0.0.1:{port}", process)
    try:
        await eventually(lambda: _is_live(running.url), every=0.05)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _is_live(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"{url}/health/live")).status_code == 200
        except httpx.TransportError:
            return False
