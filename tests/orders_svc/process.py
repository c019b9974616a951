"""orders as its own process, as it runs in earnest."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.orders_svc.downstream import free_port
from tests.waiting import eventually


@dataclass
class OrdersProcess:
    url: str
    process: Process

    async def terminate(self) -> int:
        """SIGTERM; the exit code. What the process wrote is in ``output`` then."""
        self.process.terminate()
        output, _ = await asyncio.wait_for(self.process.communicate(), 20)
        self.output = output.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def orders_process(database_url: str, **settings: object) -> AsyncIterator[OrdersProcess]:
    """Settings by their names in the environment, without ``SHOP_``. Killed at the end if it still runs."""
    port = free_port()
    environment = os.environ | {
        "SHOP_DATABASE_URL": database_url,
        "SHOP_PORT": str(port),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        **{f"SHOP_{name}": str(value) for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orders_svc", env=environment, stdout=PIPE, stderr=STDOUT
    )
    running = OrdersProcess(f"http://127.0.0.1:{port}", process)
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
