"""delivery as a process: how it starts, stops and stands a database that is away."""

import subprocess
import sys
from typing import Any

import httpx

from tests.service_process import service_process
from tests.waiting import eventually


async def test_sigterm_ends_it_with_0(delivery_url: str, sql: Any) -> None:
    async with service_process("delivery_svc", delivery_url, WIRING="chain") as delivery:
        async with httpx.AsyncClient(base_url=delivery.url) as client:
            await eventually(lambda: _is_ready(client))
        code = await delivery.terminate()
    assert code == 0, delivery.output
    assert "Traceback" not in delivery.output
    assert ":***@" in delivery.output


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def test_while_the_database_is_away_it_says_503_and_stays() -> None:
    nowhere = "postgresql://postgres:secret@127.0.0.1:1/deliveries"
    async with service_process("delivery_svc", nowhere, WIRING="chain") as delivery:
        async with httpx.AsyncClient(base_url=delivery.url) as client:
            reading, ready = await client.get("/deliveries"), await client.get("/health/ready")
        assert await delivery.terminate() == 0
    assert (reading.status_code, reading.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert ready.status_code == 503
    assert "Traceback" not in delivery.output
    assert "secret" not in delivery.output


def test_unknown_arguments_are_an_error_that_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "delivery_svc", "sow"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "sow" in done.stderr
