"""A whole shop on servers of its own, two processes of each service, which the tests may kill as they like."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from lab.running.shop import ground, start_shop
from lab.supervision import Home
from tests.end_to_end.shop import RunningShop

EXTERNAL = ("KAFKA_BOOTSTRAP_SERVERS", "SHOP_POSTGRES_URL", "SHOP_HOME")


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    """Wiring events, two replicas of each service. The servers are always embedded ones: they are killed here."""
    folder = Path(tempfile.mkdtemp(prefix="shop-end-to-end-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    with pytest.MonkeyPatch.context() as environment:
        for name in EXTERNAL:
            environment.delenv(name, raising=False)
        environment.setenv("SHOP_PENDING_TIMEOUT_SECONDS", "120")

        def heard(name: str, line: str) -> None:
            print(f"{name} | {line}")  # pytest shows it when a test fails

        try:
            async with ground(Home(folder / "home"), print, heard, heard) as on, aiohttp.ClientSession() as http:
                layout = await start_shop(on, "events", print, replicas=2)
                yield RunningShop(on, layout, http)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
