"""What delivery puts back of its own when its database was restored to an older state, from a real broker."""

from datetime import UTC, datetime
from typing import Any

import pytest

from delivery_svc import store
from delivery_svc.reactions import REACTIONS
from delivery_svc.recovery import TOPICS, PutBackDeliveries
from events.envelope import Envelope
from events.kafka import Kafka
from events.outbox import Outbox
from events.recovering import recover
from events.topics import declare
from kit.database import Database
from tests.backup import Backup, publish
from tests.delivery_svc.facts import cancellation_requested, placed, reserved, states

pytestmark = pytest.mark.timeout(120)

ROWS = "SELECT * FROM deliveries ORDER BY order_id"


async def handle(outbox: Outbox, *events: Envelope[Any]) -> None:
    for event in events:
        async with outbox.transaction() as transaction:
            await REACTIONS[type(event.data)](transaction, [event])


async def hand_over(outbox: Outbox, sql: Any, order: Envelope[Any]) -> None:
    delivery_id = await sql.fetchval("SELECT delivery_id FROM deliveries WHERE order_id = $1", order.data.order_id)
    async with outbox.transaction() as transaction:
        await store.change_one(transaction, delivery_id, lambda one: one.complete(at=datetime.now(UTC)))


async def test_what_was_announced_since_the_backup_is_there_again_and_the_rest_comes_back_by_itself(
    kafka: Kafka, outbox: Outbox, database: Database, sql: Any
) -> None:
    await declare(kafka, partitions=2, say=lambda _: None)
    on_its_way, handed_over, undone, new, unheard_of, silent = [placed() for _ in range(6)]
    before = [on_its_way, reserved(on_its_way.data.order_id), handed_over, undone]
    since = [
        reserved(handed_over.data.order_id),
        cancellation_requested(undone.data.order_id),
        new,
        reserved(new.data.order_id),
        cancellation_requested(unheard_of.data.order_id),
        silent,
    ]
    await handle(outbox, *before)
    backup = await Backup.take(sql)
    await handle(outbox, *since)
    await hand_over(outbox, sql, handed_over)
    await handle(outbox, cancellation_requested(handed_over.data.order_id))
    await publish(kafka, database.url, "delivery", sql)
    known = await sql.fetch(ROWS)

    await backup.restore()
    done = await recover(
        service="delivery", kafka=kafka, database=database, topics=TOPICS, put_back=PutBackDeliveries()
    )
    assert done.put_back == 4
    assert await states(sql, silent.data.order_id) == [None]

    await handle(outbox, *since)  # as the reactions do, from their restored positions
    again = await sql.fetch(ROWS)
    assert [_told(row) for row in again if row["order_id"] != silent.data.order_id] == [
        _told(row) for row in known if row["order_id"] != silent.data.order_id
    ]
    assert await states(sql, silent.data.order_id) == ["awaiting_stock"]
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0, "nothing is announced once more"


def _told(row: Any) -> Any:
    return tuple(row)
