"""orders as a process: how it starts, stops and stands a database that is away."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx

from tests.orders_svc.downstream import free_port
from tests.service_process import service_process
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 1}


async def test_sigterm_answers_who_waits_and_ends_with_0(orders_url: str, sql: Any) -> None:
    async with (
        service_process("orders_svc", orders_url) as orders,
        httpx.AsyncClient(base_url=orders.url, timeout=30) as client,
    ):
        waiting = asyncio.create_task(client.post("/orders", json=ORDER, headers={"Prefer": "wait=30"}))
        await eventually(lambda: sql.fetchval("SELECT count(*) FROM orders"))
        code = await orders.terminate()
        assert (await waiting).status_code == 202
        assert code == 0, orders.output
        assert "Traceback" not in orders.output
        assert ":***@" in orders.output


async def test_while_the_database_is_away_it_says_503_and_stays(sql: Any) -> None:
    nowhere = f"postgresql://postgres:secret@127.0.0.1:{free_port()}/orders"
    async with service_process("orders_svc", nowhere) as orders, httpx.AsyncClient(base_url=orders.url) as client:
        placing = await client.post("/orders", json=ORDER)
        reading = await client.get("/orders")
        ready = await client.get("/health/ready")
        assert await orders.terminate() == 0
    for answer in (placing, reading):
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert ready.status_code == 503
    assert "Traceback" not in orders.output
    assert "secret" not in orders.output


def test_unknown_arguments_are_an_error_that_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "orders_svc", "seed"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "seed" in done.stderr
