"""The live figures' worker on real Kafka and PostgreSQL: whatever happens to it, it counts each record once."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from events import topics
from events.catalogue import Event, OrderConfirmed, OrderPlaced, OrderRejected
from events.envelope import Envelope, encode, record
from events.faust_app import new_app
from events.log_bounds import log_bounds
from events.positions import Positions
from events.topics import MINUTES_CHANGELOG
from orders_svc.read_models.live_figures import NAME
from orders_svc.read_models.live_figures.counting import COUNTERS
from orders_svc.read_models.live_figures.minutes import OPTIONS, Minutes
from orders_svc.read_models.live_figures.worker import FiguresProjection
from tests.events.stand import NOON, Stand, delete, placed, producing, publish, publish_raw, read
from tests.waiting import eventually


async def test_the_worker_counts_says_that_it_is_ready_and_ends_cleanly(orders: Stand) -> None:
    with worker(orders) as process:
        await eventually(lambda: _ready(orders))
        await publish(orders.kafka, _events(30))
        await _counted(orders)
        await publish(orders.kafka, _events(20))
        await _counted(orders)
        process.terminate()
        assert process.wait(20) == 0


async def test_figures_say_up_to_when_they_are_complete_also_without_events(orders: Stand) -> None:
    await publish(orders.kafka, _events(1))
    with worker(orders):
        began = datetime.now(UTC)
        await eventually(lambda: _stands_after(orders, began))


async def test_a_killed_worker_goes_on_under_a_stream_of_orders_and_counts_each_record_once(orders: Stand) -> None:
    stream = asyncio.create_task(_stream(orders))
    try:
        for _ in range(3):
            before = await _total(orders)
            with worker(orders) as process:
                await eventually(partial(_more_than, orders, before + 50), within=40)
                process.kill()
    finally:
        stream.cancel()
    with worker(orders):
        await _counted(orders)


async def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(orders: Stand) -> None:
    stream = asyncio.create_task(_stream(orders))
    try:
        with worker(orders) as first:
            await eventually(lambda: _more_than(orders, 50))
            with worker(orders) as second:
                await eventually(lambda: _more_than(orders, 500), within=40)
                first.kill()
                before = await _total(orders)
                await eventually(lambda: _more_than(orders, before + 300), within=40)
                with worker(orders):
                    before = await _total(orders)
                    await eventually(lambda: _more_than(orders, before + 300), within=40)
                    second.terminate()
                    assert second.wait(20) == 0
                    stream.cancel()
                    await _counted(orders)
    finally:
        stream.cancel()


async def test_a_changelog_that_fell_behind_the_database_takes_nothing_away(orders: Stand) -> None:
    await publish(orders.kafka, _events(40))
    with worker(orders) as process:
        await _counted(orders)
        process.terminate()
        process.wait(20)
    await delete(orders.kafka, MINUTES_CHANGELOG)
    await topics.declare(orders.kafka, partitions=2, say=lambda _: None)
    await publish(orders.kafka, _events(20))
    with worker(orders):
        await _counted(orders)


async def test_a_database_that_was_restored_gets_the_figures_back_and_none_twice(orders: Stand) -> None:
    """The rows and positions are older than the changelog, which counts the records in between as counted."""
    await publish(orders.kafka, _events(40))
    with worker(orders) as process:
        await _counted(orders)
        process.terminate()
        process.wait(20)
    async with orders.database.transaction() as connection:
        await connection.raw.execute("DELETE FROM live_products; DELETE FROM live_minutes")
        for partition in (0, 1):
            await Positions(NAME).set(connection, (orders.kafka.topic("orders"), partition), 0)
    with worker(orders):
        await _counted(orders)


async def test_figures_are_counted_anew_when_everything_that_remembers_them_is_gone(orders: Stand) -> None:
    """As docs/services/orders.md says."""
    await publish(orders.kafka, _events(40))
    with worker(orders) as process:
        await _counted(orders)
        process.terminate()
        process.wait(20)
    await delete(orders.kafka, MINUTES_CHANGELOG)
    await topics.declare(orders.kafka, partitions=2, say=lambda _: None)
    async with orders.database.transaction() as connection:
        await connection.raw.execute("TRUNCATE live_minutes, live_products")
        await connection.raw.execute("DELETE FROM positions WHERE consumer = $1", NAME)
    with worker(orders):
        await _counted(orders)


async def test_nothing_is_counted_past_records_that_were_not_delivered(orders: Stand) -> None:
    await publish(orders.kafka, _events(20))
    told = [one for one in await read(orders.kafka, "orders") if one.partition == 0]
    figures = FiguresProjection(orders.database, Minutes(new_app(orders.kafka.group(NAME), orders.kafka, **OPTIONS)))
    await figures.join([(orders.kafka.topic("orders"), 0)])
    with pytest.raises(RuntimeError, match=r"record 3 of .* was delivered, the next one is 0"):
        await figures.project(told[3:])
    assert await orders.rows("SELECT * FROM live_minutes") == []


async def test_a_record_that_cannot_be_read_is_a_dead_letter_and_holds_up_nobody(orders: Stand) -> None:
    with worker(orders):
        await publish(orders.kafka, _events(10))
        await publish_raw(orders.kafka, "orders", b"{}", [("ce_type", b"shop.orders.OrderPlaced.v9")], partition=0)
        unthinkable = placed(product_id=2**70)  # decodes, but no column of the database holds it
        await publish(orders.kafka, [unthinkable, *_events(10)])
        await eventually(lambda: orders.rows("SELECT 1 FROM dead_letters HAVING count(*) = 2"))
        await _counted(orders)
    errors = await orders.rows("SELECT consumer, error FROM dead_letters ORDER BY error")
    assert [consumer for consumer, _ in errors] == [NAME, NAME]
    assert "value out of int64 range" in errors[0][1]
    assert "newer than this program" in errors[1][1]


async def test_a_database_that_goes_away_again_and_again_is_waited_for(orders: Stand) -> None:
    stream = asyncio.create_task(_stream(orders))
    with worker(orders) as process:
        await eventually(lambda: _more_than(orders, 50), within=40)
        cut: list[Any] = []

        async def often_enough() -> bool:
            cut.extend(
                await orders.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", NAME
                )
            )
            return len(cut) >= 25

        await eventually(often_enough, every=0.05)
        stream.cancel()
        await _counted(orders)
        assert process.poll() is None


@contextmanager
def worker(orders: Stand) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "SHOP_DATABASE_URL": orders.url,
        "KAFKA_BOOTSTRAP_SERVERS": orders.kafka.bootstrap_servers,
        "SHOP_TOPIC_PREFIX": orders.kafka.prefix,
    }
    process = subprocess.Popen([sys.executable, "-m", "orders_svc.read_models", NAME], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _events(number: int) -> list[Envelope[Event]]:
    """Orders of three products; each third is confirmed, each fifth rejected."""
    found: list[Envelope[Event]] = []
    for index in range(number):
        order_id = uuid.uuid4()
        outcome: dict[str, Any] = {"order_id": order_id, "product_id": index % 3, "quantity": 1, "amount": 500}
        found.append(placed(order_id, product_id=index % 3, quantity=1 + index % 2))
        if index % 3 == 0:
            found.append(record(OrderConfirmed(**outcome), sequence=2, time=NOON))
        elif index % 5 == 0:
            found.append(record(OrderRejected(**outcome, reason="none left"), sequence=2, time=NOON))
    return found


async def _stream(orders: Stand) -> None:
    """Publishes until it is cancelled, a few hundred events a second."""
    async with producing(orders.kafka) as producer:
        while True:
            for envelope in _events(10):
                key, value, headers = encode(envelope)
                await producer.send(orders.kafka.topic("orders"), value=value, key=key, headers=list(headers))
            await asyncio.sleep(0.05)


async def _counted(orders: Stand) -> None:
    """Waits until the positions are at the topic's ends; then the figures must be what the topic says."""

    async def at_the_ends() -> bool:
        ends = {place: bound.end for place, bound in (await log_bounds(orders.kafka, ["orders"])).items()}
        async with orders.database.connection() as connection:
            return await Positions(NAME).read(connection, [orders.kafka.topic("orders")]) == ends

    await eventually(at_the_ends, within=40, every=0.1)
    minutes: Counter[Any] = Counter()
    products: Counter[Any] = Counter()
    names = {event.wire_type().encode(): name for event, name in COUNTERS.items()}
    for told in await read(orders.kafka, "orders"):
        name = names.get(dict(told.headers)["ce_type"])
        if name is None:
            continue
        at = datetime.fromtimestamp(told.timestamp // 60_000 * 60, UTC)
        if name == "placed":
            order = OrderPlaced.model_validate_json(told.value)
            if order.product_id > 2**63:
                continue
            products[at, order.product_id, "orders"] += 1
            products[at, order.product_id, "units"] += order.quantity
        minutes[at, name] += 1
    assert await _minutes(orders) == minutes
    assert await _products(orders) == products


async def _minutes(orders: Stand) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for at, *figures in await orders.rows("SELECT minute, placed, confirmed, rejected, cancelled FROM live_minutes"):
        for name, figure in zip(COUNTERS.values(), figures, strict=True):
            found[at, name] += figure
    return +found


async def _products(orders: Stand) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for at, product_id, ordered, units in await orders.rows(
        "SELECT minute, product_id, orders, units FROM live_products"
    ):
        found[at, product_id, "orders"] += ordered
        found[at, product_id, "units"] += units
    return found


async def _total(orders: Stand) -> int:
    return int(await orders.value("SELECT coalesce(sum(placed), 0) FROM live_minutes"))


async def _more_than(orders: Stand, number: int) -> bool:
    return await _total(orders) > number


async def _ready(orders: Stand) -> Any:
    return await orders.rows("SELECT 1 FROM read_models WHERE name = $1 AND ready_at IS NOT NULL", NAME)


async def _stands_after(orders: Stand, moment: datetime) -> bool:
    return await orders.rows("SELECT 1 FROM live_standing WHERE as_of > $1 HAVING count(*) = 2", moment) != []
