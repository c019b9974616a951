"""products on a real PostgreSQL; Kafka is not there (the API does not need it, and reactions are called directly)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from events.outbox import Outbox
from kit.database import Database
from products_svc.app import build
from products_svc.catalogue import Catalogue
from products_svc.seeding import DEFAULT
from products_svc.settings import ProductsSettings
from tests.service_app import NOBODY, migrated, opened, served

TABLES = (
    "products",
    "reservations",
    "stock_ledger",
    "idempotency_keys",
    "outbox",
    "inbox",
    "positions",
    "dead_letters",
)

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def products_url(postgres_url: str) -> Iterator[str]:
    """A database of products' own, migrated by its own migrations."""
    with migrated(postgres_url, "products_svc") as url:
        yield url


@pytest.fixture
async def sql(products_url: str) -> AsyncIterator[Any]:
    """A connection for looking into a database that holds the default catalogue, and nothing in its outbox."""
    async with seeded(products_url) as connection:
        yield connection


@pytest.fixture
async def database(products_url: str, sql: Any) -> AsyncIterator[Database]:
    async with opened(products_url) as database:
        yield database


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database, wake=lambda: None)


@pytest.fixture
def start(products_url: str, sql: Any) -> Start:
    """``async with start(wiring="chain", ...) as products``: arguments are settings."""
    return partial(running, products_url)


@pytest.fixture(params=["events", "chain"])
async def products(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running products service, in either wiring."""
    async with start(wiring=request.param) as client:
        yield client


@asynccontextmanager
async def seeded(products_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(products_url)
    await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
    database = Database(products_url, min_size=1)
    await database.open()
    await Catalogue(database.transaction).seed(DEFAULT)
    await database.close()
    yield connection
    await connection.close()


@asynccontextmanager
async def running(products_url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The service with its background tasks, without a socket; in the wiring ``events`` it waits for its Kafka."""
    values = {"kafka_bootstrap_servers": NOBODY} | settings
    app, _ = build(ProductsSettings(database_url=products_url, **values))
    async with served(app) as client:
        yield client
