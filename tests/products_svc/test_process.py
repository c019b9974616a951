"""products as a process: how it starts, stops and stands a database that is away."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx

from tests.service_process import service_process


async def test_sigterm_lets_requests_finish_and_ends_with_0(products_url: str, sql: Any) -> None:
    slow: dict[str, Any] = {"WIRING": "chain", "INJECT_DELAY_MS": 500}
    async with (
        service_process("products_svc", products_url, **slow) as products,
        httpx.AsyncClient(base_url=products.url) as client,
    ):
        await client.get("/products/2")
        asked = asyncio.create_task(client.get("/products/2"))
        await asyncio.wait([asked], timeout=0.1)
        code = await products.terminate()
        assert (await asked).status_code == 200
        assert code == 0, products.output
        assert "Traceback" not in products.output
        assert ":***@" in products.output


async def test_while_the_database_is_away_it_says_503_and_stays() -> None:
    nowhere = "postgresql://postgres:secret@127.0.0.1:1/products"
    async with service_process("products_svc", nowhere, WIRING="chain") as products:
        async with httpx.AsyncClient(base_url=products.url) as client:
            reading, ready = await client.get("/products"), await client.get("/health/ready")
        assert await products.terminate() == 0
    assert (reading.status_code, reading.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert ready.status_code == 503
    assert "Traceback" not in products.output
    assert "secret" not in products.output


def test_unknown_arguments_are_an_error_that_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "products_svc", "sow"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "sow" in done.stderr
