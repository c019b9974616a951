"""The ten defects of the shop that this one rewrites, each as a test that fails where the defect is."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from events.catalogue import OrderConfirmed
from events.envelope import decode, encode, record
from tests.end_to_end import log
from tests.end_to_end.shop import RunningShop, findings
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def handled(shop: RunningShop, service: str, consumer: str, where: Any) -> None:
    """Waits until the consumer has passed the record."""
    sql = "SELECT 1 FROM positions WHERE consumer = $1 AND topic = $2 AND partition = $3 AND next_offset > $4"
    await eventually(lambda: shop.rows(service, sql, consumer, where.topic, where.partition, where.offset))


@pytest.mark.parametrize("key", ["", "unlucky"], ids=["one statement", "a transaction"])
async def test_1_an_order_that_was_not_committed_is_not_announced(shop: RunningShop, key: str) -> None:
    unlucky = f"unlucky-{uuid4().hex}"
    dead_letters = await shop.dead_letters()

    async with commits_fail(shop, unlucky):
        (status, problem), *neighbours = await asyncio.gather(
            shop.place(customer=unlucky, key=key), *(shop.place() for _ in range(30))
        )
    lucky = f"lucky-{uuid4().hex}"
    _, later = await shop.place(customer=lucky)

    assert status == 500, problem
    assert [status for status, _ in neighbours] == [201] * 30
    assert await log.of_order(shop.layout.broker(), "deliveries", later["id"])
    announced = b" ".join(entry.value or b"" for entry in await log.records(shop.layout.broker(), "orders"))
    assert lucky.encode() in announced
    assert unlucky.encode() not in announced
    assert await shop.rows("orders", "SELECT 1 FROM orders WHERE customer_id = $1", unlucky) == []
    assert await shop.rows("orders", "SELECT 1 FROM outbox WHERE position($1 in value) > 0", unlucky.encode()) == []
    assert await shop.dead_letters() == dead_letters


@asynccontextmanager
async def commits_fail(shop: RunningShop, customer: str) -> AsyncIterator[None]:
    """Within the block every statement on an order of this customer succeeds, and its commit does not."""
    admin = await asyncpg.connect(shop.layout.admin_url(shop.layout.database("orders")))
    try:
        await admin.execute(f"""
            CREATE FUNCTION no_commit() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'this commit fails'; END $$;
            CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.customer_id = '{customer}') EXECUTE FUNCTION no_commit()""")
        yield
    finally:
        await admin.execute("DROP TRIGGER IF EXISTS no_commit ON orders; DROP FUNCTION IF EXISTS no_commit()")
        await admin.close()


async def test_2_a_redelivered_event_takes_stock_once(shop: RunningShop) -> None:
    number = await shop.product(stock=10)
    _, order = await shop.place(number, 3)
    (placed, *_) = await log.of_order(shop.layout.broker(), "orders", order["id"])
    assert await shop.stock(number) == 7

    where = await log.again(shop.layout.broker(), placed)

    await handled(shop, "products", "products", where)
    assert await shop.stock(number) == 7


async def test_3_an_event_whose_handling_fails_is_kept_with_its_reason(shop: RunningShop) -> None:
    order_id = str(uuid4())
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_source", b"/somebody/else"),
        ("ce_type", b"shop.orders.OrderPlaced.v1"),
        ("ce_subject", order_id.encode()),
        ("ce_time", b"2026-01-01T00:00:00Z"),
        ("ce_sequence", b"1"),
    ]

    where = await log.append(shop.layout.broker(), "orders", order_id.encode(), b'{"orderId": "broken"', headers)

    await handled(shop, "products", "products", where)
    sql = 'SELECT value, error FROM dead_letters WHERE topic = $1 AND partition = $2 AND "offset" = $3'
    (letter,) = await shop.rows("products", sql, where.topic, where.partition, where.offset)
    assert letter["value"] == b'{"orderId": "broken"'
    assert "OrderPlaced" in letter["error"]
    status, _ = await shop.place()
    assert status == 201


async def test_4_stock_never_goes_negative_and_no_update_is_lost(shop: RunningShop) -> None:
    number = await shop.product(stock=10)

    answers = await asyncio.gather(*(shop.place(number, wait=30) for _ in range(96)))

    assert sorted(status for status, _ in answers) == [201] * 10 + [409] * 86
    assert await shop.stock(number) == 0
    sql = "SELECT min(balance) AS least FROM stock_ledger WHERE product_id = $1"
    assert (await shop.rows("products", sql, number))[0]["least"] == 0


async def test_5_time_stamps_are_exact_and_do_not_jump_at_new_year(shop: RunningShop) -> None:
    new_year = datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)
    for time in (new_year, new_year + timedelta(microseconds=1)):
        event = OrderConfirmed(order_id=uuid4(), product_id=1, quantity=1, amount=1)
        assert decode(*encode(record(event, sequence=1, time=time))).time == time

    begin = datetime.now(UTC)
    _, order = await shop.place()
    for topic in ("orders", "stock", "deliveries"):
        for found in await log.of_order(shop.layout.broker(), topic, order["id"]):
            text = dict(found.headers)["ce_time"].decode()
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", text)
            assert begin <= datetime.fromisoformat(text) <= datetime.now(UTC)


async def test_6_all_events_of_an_order_carry_its_key_and_stay_in_order(shop: RunningShop) -> None:
    _, order = await shop.place()
    await shop.cancel(order["id"])
    await shop.settled(order["id"])

    found = await log.of_order(shop.layout.broker(), "orders", order["id"])

    assert {entry.key for entry in found} == {order["id"].encode()}
    assert len({entry.partition for entry in found}) == 1
    assert [int(dict(entry.headers)["ce_sequence"]) for entry in found] == [1, 2, 3, 4]
    expected = ["OrderPlaced", "OrderConfirmed", "OrderCancellationRequested", "OrderCancelled"]
    assert [log.event_type(entry) for entry in found] == expected


async def test_7_a_restarted_service_goes_on_where_it_stopped(shop: RunningShop) -> None:
    number = await shop.product(stock=10)
    assert (await shop.place(number, 2))[0] == 201
    inbox = "SELECT count(*) AS n FROM inbox WHERE consumer = 'products'"
    before = (await shop.rows("products", inbox))[0]["n"]
    consumers = "SELECT DISTINCT consumer FROM positions"

    for name in ("products", "products-1"):
        await shop.on.supervisor.stop(name)
        await shop.on.supervisor.start(name)
    status, _ = await shop.place(number, 1)

    assert status == 201
    assert await shop.stock(number) == 7
    assert (await shop.rows("products", inbox))[0]["n"] <= before + 2  # the new order's events, and nothing again
    assert [row["consumer"] for row in await shop.rows("products", consumers)] == ["products"]


async def test_8_an_order_that_ends_badly_gives_its_stock_back(shop: RunningShop) -> None:
    number = await shop.product(stock=5)
    status, _ = await shop.place(number, 6)
    assert status == 409
    _, confirmed = await shop.place(number, 4)
    assert await shop.stock(number) == 1

    await shop.cancel(confirmed["id"])

    assert (await shop.settled(confirmed["id"]))["status"] == "cancelled"
    await shop.stock_becomes(number, 5)


async def test_9_a_late_older_event_does_not_overwrite_the_copy(shop: RunningShop) -> None:
    number = await shop.product(stock=5)
    await shop.post("products", f"/products/{number}/stock/increase", {"quantity": 5})
    copied = "SELECT stock, version FROM product_copy WHERE product_id = $1"

    async def copy_has(expected: int) -> bool:
        (row,) = await shop.rows("orders", copied, number)
        return bool(row["stock"] == expected)

    await eventually(lambda: copy_has(10))
    changes = [entry for entry in await log.records(shop.layout.broker(), "products") if entry.key == b"%d" % number]

    where = await log.again(shop.layout.broker(), changes[0])

    await handled(shop, "orders", "product-copy", where)
    assert await copy_has(10)


async def test_10_an_order_cancelled_before_its_delivery_exists_is_not_delivered(shop: RunningShop) -> None:
    number = await shop.product(stock=5)
    away = ("products", "products-1", "delivery", "delivery-1")
    async with shop.away(*away):
        _, order = await shop.place(number, 2, wait=None)
        status, body = await shop.cancel(order["id"])
        assert (status, body["status"]) == (202, "cancelling")

    assert (await shop.settled(order["id"]))["status"] == "cancelled"
    await shop.stock_becomes(number, 5)
    assert [delivery["state"] for delivery in await shop.deliveries(order["id"])] in ([], ["cancelled"])


async def test_after_all_of_this_the_books_are_right(shop: RunningShop) -> None:
    assert findings(await shop.audit()) == []
