"""SIGTERM ends whatever runs once, and what has only begun, wherever it waits."""

import asyncio
import os
import signal
import sys

import pytest


@pytest.mark.parametrize(
    "command",
    [
        "orders_svc migrate",
        "orders_svc recover",
        "products_svc migrate",
        "products_svc seed",
        "products_svc recover",
        "delivery_svc migrate",
        "delivery_svc recover",
        "orders_svc.read_models product-copy",
        "events.topics",
    ],
)
async def test_a_process_that_waits_for_a_silent_server_ends_with_a_code_of_its_own(command: str) -> None:
    """Not by the signal's default, which the first process of a container does not have."""
    connected = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connected.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command.split()),
        env={
            **os.environ,
            "SHOP_DATABASE_URL": f"postgresql://nobody@{address}/none",
            "KAFKA_BOOTSTRAP_SERVERS": address,
        },
    )
    try:
        async with asyncio.timeout(60):
            await connected.wait()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 128 + signal.SIGTERM
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        server.close()
