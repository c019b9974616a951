"""The product copy: always the highest version of every product, however its events come."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from events.envelope import Envelope
from orders_svc.read_models.product_copy import MODEL, PRODUCTS
from orders_svc.read_models.readiness import mark_ready
from orders_svc.read_models.tables import metadata
from tests.conftest import CreateDatabase
from tests.events.stand import Stand, product, publish, stand
from tests.waiting import eventually

changes = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=30).map(
    lambda drawn: [product(product_id, version, stock=version * 10) for product_id, version in drawn]
)


@given(changes)
def test_of_every_product_the_highest_version_stands(batch: list[Envelope[Any]]) -> None:
    highest: dict[int, int] = {}
    for envelope in batch:
        highest[envelope.data.product_id] = max(envelope.sequence, highest.get(envelope.data.product_id, 0))
    rows = PRODUCTS.merge(MODEL.changes(batch)["product_copy"])
    assert {row[0]: row[PRODUCTS.columns.index("version")] for row in rows} == highest


@pytest.fixture
async def orders(kafka: Any, create_database: CreateDatabase) -> AsyncIterator[Stand]:
    """orders' database, as far as the worker needs it."""
    async with stand(kafka, await create_database("orders")) as made:
        engine = create_async_engine(made.url.replace("postgresql://", "postgresql+asyncpg://"))
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()
        yield made


async def test_an_older_version_never_overwrites_a_newer_one(orders: Stand) -> None:
    for batch in ([product(1, 2, stock=20)], [product(1, 1, stock=10)], [product(1, 2, stock=20), product(2, 1)]):
        async with orders.database.transaction() as connection:
            await MODEL.apply(connection, batch)
    assert await _copy(orders) == [(1, 2, 20), (2, 1, 10)]


async def test_ready_is_marked_once(orders: Stand) -> None:
    for _ in range(2):
        async with orders.database.transaction() as connection:
            await mark_ready(connection, MODEL.name)
    assert await orders.value("SELECT count(*) FROM read_models WHERE name = 'product-copy' AND ready_at < now()") == 1


async def test_the_worker_copies_products_says_that_it_is_ready_and_ends_cleanly(orders: Stand) -> None:
    await publish(orders.kafka, [product(number, version) for version in (1, 2) for number in range(1, 6)])
    with worker(orders) as process:
        await eventually(lambda: orders.rows("SELECT * FROM read_models WHERE ready_at IS NOT NULL"))
        assert await _copy(orders) == [(number, 2, 10) for number in range(1, 6)]
        await publish(orders.kafka, [product(3, 3, stock=7)])
        await eventually(lambda: _has(orders, (3, 3, 7)))
        process.terminate()
        assert process.wait(20) == 0


@contextmanager
def worker(orders: Stand) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "SHOP_DATABASE_URL": orders.url,
        "KAFKA_BOOTSTRAP_SERVERS": orders.kafka.bootstrap_servers,
        "SHOP_TOPIC_PREFIX": orders.kafka.prefix,
    }
    process = subprocess.Popen([sys.executable, "-m", "orders_svc.read_models", MODEL.name], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _has(orders: Stand, row: tuple[int, int, int]) -> bool:
    return row in await _copy(orders)


async def _copy(orders: Stand) -> Sequence[tuple[int, int, int]]:
    return await orders.rows("SELECT product_id, version, stock FROM product_copy ORDER BY product_id")
