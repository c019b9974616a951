"""Read models are rebuilt while the shop is open and things are killed: nobody notices, and at the end all is equal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from events.log_bounds import log_bounds
from orders_svc.read_models import MODELS
from tests.end_to_end.replaying import Replay, killed, noticed, readers, rebuilt, replay
from tests.end_to_end.shop import RunningShop, findings
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(400)]

STEPS = [
    ("deliveries", "DeliveryStarted"),
    ("orders", "OrderConfirmed"),
    ("orders", "OrderPlaced"),
    ("stock", "StockReserved"),
]


_WAITS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1"
)


@asynccontextmanager
async def looking(shop: RunningShop) -> AsyncIterator[Any]:
    """A session of orders' own database, which can also stand in the way."""
    connection = await asyncpg.connect(shop.layout.service_url("orders"))
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_rebuild_that_is_killed_at_any_point_leaves_the_live_model_as_it_is(shop: RunningShop) -> None:
    dead_letters = await shop.dead_letters()

    async with shop.load(rate=50, seconds=20) as end, readers(shop) as seen:
        async with asyncio.TaskGroup() as group:
            for model in MODELS:
                group.create_task(killed_at_every_point(shop, model))
        sent = await end()

    result = await shop.audit()

    assert findings(result) == []
    assert noticed(seen) == []
    assert min(products for products, *_ in seen) >= 5
    assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters
    await all_is_equal_and_complete(shop, sent.run)


async def killed_at_every_point(shop: RunningShop, model: str) -> None:
    """When its tables have just been made, when there are rows in them, and when it has locked the positions and waits
    for the live tables. After that one is let through."""
    table = MODELS[model].tables[-1].name
    async with looking(shop) as looker, looking(shop) as reader:

        async def there() -> bool:
            return bool(await looker.fetchval("SELECT to_regclass($1)", f"{table}_rebuilt"))

        async def filled() -> bool:
            try:
                return bool(await looker.fetchval(f"SELECT EXISTS (SELECT FROM {table}_rebuilt)"))
            except asyncpg.UndefinedTableError:
                return False

        async def waits_for_the_live_table() -> bool:
            return bool(await looker.fetchval(_WAITS, f"DROP TABLE {table};%"))

        for moment in (there, filled):
            await looker.execute(f"DROP TABLE IF EXISTS {table}_rebuilt")  # of the one before: it is not waited for
            await killed(shop, model, moment)
        oid = await looker.fetchval("SELECT to_regclass($1)::oid", table)
        async with reader.transaction():
            await reader.fetch(f"SELECT FROM {table} LIMIT 1")
            await killed(shop, model, waits_for_the_live_table)
        assert await looker.fetchval("SELECT to_regclass($1)::oid", table) == oid
        await rebuilt(shop, model)
        assert await looker.fetchval("SELECT to_regclass($1)::oid", table) != oid


@pytest.mark.parametrize("victim", ["the worker", "kafka"])
async def test_what_a_rebuild_reads_from_or_stands_beside_is_killed(shop: RunningShop, victim: str) -> None:
    dead_letters = await shop.dead_letters()
    victims = list(MODELS) if victim == "the worker" else [victim]

    async with shop.load(rate=50, seconds=12) as end, readers(shop) as seen:
        rebuilds = [await Replay.start(shop, model) for model in MODELS]
        for name in victims:
            pid = shop.pid(name)
            await shop.on.supervisor.kill(name)
            await shop.restarted(name, pid)
        for ended in await asyncio.gather(*(rebuild.end() for rebuild in rebuilds)):
            assert ended.code in (0, 1)
            assert "Traceback" not in ended.said
            assert ended.told is None or ended.told["equal"], ended.told
        await asyncio.gather(*(rebuilt(shop, model) for model in MODELS))
        sent = await end()

    result = await shop.audit()

    assert findings(result) == []
    assert noticed(seen) == []
    assert min(products for products, *_ in seen) >= 5
    assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters
    await all_is_equal_and_complete(shop, sent.run)


async def all_is_equal_and_complete(shop: RunningShop, run: str) -> None:
    """Every model equals one that is made anew, history tells every order of the load, and sales is their sum."""
    for checked in await asyncio.gather(*(replay(shop, model, "--check") for model in MODELS)):
        assert (checked.code, checked.told["equal"], checked.told["behind"], checked.told["swapped"]) == (
            0,
            True,
            0,
            False,
        )

    customers = f"{run}-%"
    told = await shop.rows(
        "orders",
        "SELECT o.id, o.status, h.status AS told, array(SELECT (s.topic, s.event) FROM history_steps s "
        "WHERE s.order_id = o.id ORDER BY s.topic, s.event) AS steps "
        "FROM orders o LEFT JOIN history_orders h ON h.order_id = o.id WHERE o.customer_id LIKE $1",
        customers,
    )
    assert told
    assert [dict(order) for order in told if order["status"] != order["told"]] == []
    confirmed = [order for order in told if order["status"] == "confirmed"]
    assert [dict(order) for order in confirmed if list(map(tuple, order["steps"])) != STEPS] == []
    assert len(confirmed) > len(told) / 2

    sold = await shop.rows(
        "orders",
        "SELECT product_id, (placed_at AT TIME ZONE 'UTC')::date AS day, count(*), sum(quantity), sum(amount) "
        "FROM orders WHERE status = 'confirmed' GROUP BY 1, 2 ORDER BY 1, 2",
    )
    sales = await shop.rows("orders", "SELECT product_id, day, orders, units, revenue FROM sales ORDER BY 1, 2")
    assert [tuple(row) for row in sales if row["orders"]] == [tuple(row) for row in sold]


async def test_no_replay_moves_a_consumer_group_or_publishes_anything(shop: RunningShop) -> None:
    async with shop.load(rate=50, seconds=2, begun=10) as end:
        await end()
    assert findings(await shop.audit()) == []
    before: list[Any] = []

    async def still() -> bool:
        before.append(await groups_and_ends(shop))
        return len(before) > 1 and before[-1] == before[-2]

    await eventually(still, within=60, every=2.5)
    assert {name.rpartition(".")[2] for name in before[-1][0]} >= {"orders", "products", "delivery", *MODELS}

    for arguments in ((), ("--until", "1m"), ("--from", "beginning")):
        for ended in await asyncio.gather(*(replay(shop, model, *arguments) for model in MODELS)):
            assert ended.code == 0, (arguments, ended.said)

    assert await groups_and_ends(shop) == before[-1]


async def groups_and_ends(shop: RunningShop) -> Any:
    """What every consumer group has committed, and how far the topics reach."""
    kafka = shop.layout.broker()
    client: Any = AIOKafkaAdminClient(**kafka.client_options())
    await client.start()
    try:
        names = [name for name, *_ in await client.list_consumer_groups() if name.startswith(f"{kafka.prefix}.")]
        committed = {
            name: {place: at.offset for place, at in (await client.list_consumer_group_offsets(name)).items()}
            for name in sorted(names)
        }
    finally:
        await client.close()
    return committed, await log_bounds(kafka, ["orders", "stock", "deliveries", "products"])
