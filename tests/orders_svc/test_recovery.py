"""What orders puts back of its own when its database was restored to an older state, from a real broker."""

import asyncio
from typing import Any

import httpx
import pytest

from events.kafka import Kafka
from events.outbox import Outbox
from events.recovering import Recovered, StillRunning, recover
from events.relay import Relay
from events.topics import declare
from kit.database import Database
from orders_svc.recovery import REFUSED, TOPICS, PutBackOrders
from tests.backup import Backup, publish
from tests.orders_svc.conftest import Start
from tests.orders_svc.facts import cancelled, happen, refused, rejected, started
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(120)

ROWS = "SELECT * FROM orders ORDER BY id"


@pytest.fixture
async def topics(kafka: Kafka) -> Kafka:
    await declare(kafka, partitions=2, say=lambda _: None)
    return kafka


async def place(orders: httpx.AsyncClient, quantity: int = 1) -> str:
    order_id: str = (await orders.post("/orders", json={"productId": 2, "quantity": quantity})).json()["id"]
    return order_id


async def recovered(kafka: Kafka, database: Database) -> Recovered:
    return await recover(
        service="orders",
        kafka=kafka,
        database=database,
        topics=TOPICS,
        put_back=PutBackOrders(),
        read_models=["sales"],
    )


async def test_what_was_announced_since_the_backup_is_there_again(
    topics: Kafka, start: Start, outbox: Outbox, database: Database, sql: Any
) -> None:
    async with start() as running:
        orders = running.client
        untouched, waiting, unsure = [await place(orders) for _ in range(3)]
        await happen(outbox, started(untouched), started(unsure))
        backup = await Backup.take(sql)
        new, other, gone = [await place(orders, quantity) for quantity in (2, 3, 4)]
        await happen(outbox, started(waiting), started(new))
        await happen(outbox, rejected(other, "out of stock"))
        for order_id, answer in ((unsure, refused), (gone, cancelled)):
            await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
            await happen(outbox, answer(order_id))
        await orders.post(f"/orders/{new}/cancel", json={"reason": "too late"})
    await publish(topics, database.url, "orders", sql)
    known = await sql.fetch(ROWS)
    assert {row["status"] for row in known} == {"confirmed", "rejected", "cancelled", "cancelling"}

    await backup.restore()
    assert await sql.fetchval("SELECT count(*) FROM orders") == 3
    done = await recovered(topics, database)

    again = await sql.fetch(ROWS)
    reasons = [row["cancellation_refused"] for row in again]
    assert [_without_the_reason(row) for row in again] == [_without_the_reason(row) for row in known]
    assert [reason for reason in reasons if reason] == [REFUSED]
    assert done.put_back == 5
    assert done.unreadable == []


async def test_what_the_restored_outbox_holds_is_published_only_if_it_never_was(
    topics: Kafka, start: Start, outbox: Outbox, database: Database, sql: Any
) -> None:
    async with start() as running:
        first = await place(running.client)
    backup = await Backup.take(sql)  # with OrderPlaced in its outbox, not yet published
    await publish(topics, database.url, "orders", sql)
    await backup.restore()
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 1
    await sql.execute(
        "INSERT INTO outbox (topic, key, value, headers) SELECT topic, key, value, "
        "convert_to(replace(convert_from(headers, 'UTF8'), '\"ce_id\":\"0', '\"ce_id\":\"1'), 'UTF8') FROM outbox"
    )

    done = await recovered(topics, database)

    assert done.already_sent == 1
    left = await sql.fetch("SELECT key, headers FROM outbox")
    assert [row["key"].decode() for row in left] == [first]
    assert b'"ce_id":"1' in left[0]["headers"]


async def test_recovering_again_and_hearing_the_others_again_changes_nothing(
    topics: Kafka, start: Start, outbox: Outbox, database: Database, sql: Any
) -> None:
    backup = await Backup.take(sql)
    async with start() as running:
        confirmed, turned_down = await place(running.client), await place(running.client)
    await happen(outbox, started(confirmed))
    await happen(outbox, rejected(turned_down))
    await publish(topics, database.url, "orders", sql)
    await backup.restore()
    await recovered(topics, database)
    known = await sql.fetch(ROWS)

    done = await recovered(topics, database)
    await happen(outbox, started(confirmed))
    await happen(outbox, rejected(turned_down))

    assert done.put_back == 0
    assert await sql.fetch(ROWS) == known
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_an_order_that_nobody_had_heard_of_stays_forgotten(
    topics: Kafka, start: Start, outbox: Outbox, database: Database, sql: Any
) -> None:
    backup = await Backup.take(sql)
    async with start() as running:
        known = await place(running.client)
    await publish(topics, database.url, "orders", sql)
    async with start() as running:
        await place(running.client)

    await backup.restore()
    await recovered(topics, database)

    assert [str(row["id"]) for row in await sql.fetch(ROWS)] == [known]


async def test_it_refuses_while_a_process_of_the_service_is_at_work(
    topics: Kafka, database: Database, sql: Any
) -> None:
    relay = Relay(service="orders", kafka=topics, database_url=database.url)
    running = asyncio.create_task(relay.run())
    try:
        await eventually(lambda: relay.active)
        with pytest.raises(StillRunning, match="stop all of them first"):
            await recovered(topics, database)
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("process", ["orders", "relay_orders", "sales", "sales watchdog"])
async def test_it_refuses_and_names_a_process_that_is_still_connected(
    topics: Kafka, database: Database, process: str
) -> None:
    """The role of the relay says nothing about a worker, nor about a service that has no connection for it just now."""
    other = Database(database.url, min_size=1, application=process)
    await other.open()
    with pytest.raises(StillRunning, match=f"still connected to this database: {process};"):
        await recovered(topics, database)
    await other.close()


def _without_the_reason(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "cancellation_refused"}
