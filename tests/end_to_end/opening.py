"""Opening a shop on servers of its own, which a test may kill as it likes."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from kit.settings import Wiring
from lab.running.shop import ground, start_shop
from lab.supervision import Home
from tests.end_to_end.shop import RunningShop

EXTERNAL = ("KAFKA_BOOTSTRAP_SERVERS", "SHOP_POSTGRES_URL", "SHOP_HOME")


@asynccontextmanager
async def opened(wiring: Wiring, replicas: int, **environment: str) -> AsyncIterator[RunningShop]:
    """A shop in a home of its own, on embedded servers, whatever addresses the environment names. ``environment`` is
    what all its processes are told besides (and may name a server after all)."""
    folder = Path(tempfile.mkdtemp(prefix="shop-end-to-end-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    with pytest.MonkeyPatch.context() as patch:
        for name in EXTERNAL:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)

        def heard(name: str, line: str) -> None:
            print(f"{name} | {line}")  # pytest shows it when a test fails

        try:
            async with ground(Home(folder / "home"), print, heard, heard) as on, aiohttp.ClientSession() as http:
                yield RunningShop(on, await start_shop(on, wiring, print, replicas=replicas), http)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
