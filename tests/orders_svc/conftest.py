"""orders on a real PostgreSQL; Kafka is not there unless a test says so (accepting an order does not need it)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from events.outbox import Outbox
from kit.app import Service
from kit.database import Database
from kit.process import configure_logging
from orders_svc.app import build
from orders_svc.read_models import MODELS
from orders_svc.settings import OrdersSettings
from tests.orders_svc.downstream import PRODUCTS, Downstream, free_port, running_downstream
from tests.service_app import migrated, opened, served

WITHDRAWN = 9
BOOKKEEPING = "outbox, inbox, positions, dead_letters"
VIEWS = (
    "product_copy, read_models, history_orders, history_steps, sales_orders, sales, "
    "live_minutes, live_products, live_standing"
)
TABLES = f"orders, idempotency_keys, last_prices, tcc_transactions, {VIEWS}, {BOOKKEEPING}"


@dataclass
class Running:
    """The application as its process runs it, without the socket."""

    client: httpx.AsyncClient
    service: Service


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    configure_logging(OrdersSettings(database_url="postgresql://nobody@127.0.0.1:9/none"), service="orders")


@pytest.fixture(scope="session")
def orders_url(postgres_url: str) -> Iterator[str]:
    """A database of orders' own, migrated by its own migrations."""
    with migrated(postgres_url, "orders_svc") as url:
        yield url


@pytest.fixture
async def sql(orders_url: str) -> AsyncIterator[Any]:
    async with emptied(orders_url) as connection:
        yield connection


@pytest.fixture
async def database(orders_url: str, sql: Any) -> AsyncIterator[Database]:
    async with opened(orders_url) as database:
        yield database


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database, wake=lambda: None)


@pytest.fixture
def start(orders_url: str, sql: Any) -> Start:
    """``async with start(wiring="chain", ...) as orders``: further arguments are settings."""

    return partial(running, orders_url)


@pytest.fixture
async def orders(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running orders service, wiring ``events``, whose Kafka cannot be reached."""
    async with start() as running:
        yield running.client


@pytest.fixture
async def downstream() -> AsyncIterator[Downstream]:
    async with running_downstream() as server:
        yield server


@asynccontextmanager
async def emptied(orders_url: str) -> AsyncIterator[Any]:
    """A connection for looking into a database that is empty but for a complete product copy."""
    connection = await asyncpg.connect(orders_url)
    await connection.execute(f"TRUNCATE {TABLES}")
    await connection.executemany("INSERT INTO read_models VALUES ($1, now())", [(name,) for name in MODELS])
    insert = "INSERT INTO product_copy VALUES ($1, $2, $3, 1000000, '', $4, 7, now(), now())"
    await connection.executemany(insert, [(*product, False) for product in PRODUCTS])
    await connection.execute(insert, WITHDRAWN, "FAX", 500, True)
    yield connection
    await connection.close()


@asynccontextmanager
async def running(orders_url: str, **settings: Any) -> AsyncIterator[Running]:
    """The service with its background tasks. Its Kafka cannot be reached unless ``settings`` say otherwise."""
    values: dict[str, Any] = {
        "kafka_bootstrap_servers": f"127.0.0.1:{free_port()}",
        "pending_timeout_seconds": 600.0,
    } | settings
    app, service = build(OrdersSettings(database_url=orders_url, **values))
    async with served(app, ready="/orders?limit=1") as client:
        yield Running(client, service)
