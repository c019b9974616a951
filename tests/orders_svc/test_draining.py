"""What a process that is told to stop still does: nothing that it has accepted waits for the next one."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx

from events import topics
from events.kafka import Kafka
from tests.events.stand import read
from tests.service_process import service_process
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 1}
COUNT = 50


async def test_orders_accepted_right_before_sigterm_are_on_the_topic_when_the_process_has_ended(
    orders_url: str, sql: Any, kafka: Kafka
) -> None:
    """The outbox is locked meanwhile, so the relay cannot have published anything before the signal."""
    await topics.declare(kafka, partitions=2, say=lambda _: None)
    async with AsyncExitStack() as stack:
        serving = service_process("orders_svc", orders_url, kafka=kafka.bootstrap_servers, TOPIC_PREFIX=kafka.prefix)
        orders = await stack.enter_async_context(serving)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=orders.url, timeout=30))
        await eventually(lambda: _is_ready(client), within=60, every=0.05)
        held = await asyncpg.connect(orders_url)
        stack.push_async_callback(held.close)
        transaction = held.transaction()
        await transaction.start()
        await held.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")  # reading it goes on, writing and deleting waits
        placing = [asyncio.create_task(client.post("/orders", json=ORDER)) for _ in range(COUNT)]
        await eventually(lambda: _waits(sql), within=30)
        orders.process.terminate()
        await transaction.rollback()
        answers = await asyncio.gather(*placing, return_exceptions=True)
        written, _ = await asyncio.wait_for(orders.process.communicate(), 60)
        assert orders.process.returncode == 0, written.decode()

    accepted = {answer.json()["id"] for answer in answers if isinstance(answer, httpx.Response)}
    assert accepted  # who had not reached the process by then was not accepted
    assert accepted <= {record.key.decode() for record in await read(kafka, "orders")}
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def _waits(sql: Any) -> bool:
    """Whether a statement of the service waits for the locked table."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass"
    return bool(await sql.fetchval(waiting))
