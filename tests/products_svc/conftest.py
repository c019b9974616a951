"""products on a real PostgreSQL; Kafka is not there (the API does not need it, and reactions are called directly)."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from events.outbox import Outbox
from kit import migrations
from kit.database import Database
from products_svc.app import build
from products_svc.catalogue import Catalogue
from products_svc.seeding import DEFAULT
from products_svc.settings import ProductsSettings
from tests.waiting import eventually

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
NOBODY = "127.0.0.1:1"

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def products_url(postgres_url: str) -> Iterator[str]:
    """A database of products' own, migrated by its own migrations."""
    name = f"products_{os.getpid()}"
    url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name}"))
    migrations.upgrade("products_svc", url)
    yield url
    asyncio.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def sql(products_url: str) -> AsyncIterator[Any]:
    """A connection for looking into a database that holds the default catalogue, and nothing in its outbox."""
    async with seeded(products_url) as connection:
        yield connection


@pytest.fixture
async def database(products_url: str, sql: Any) -> AsyncIterator[Database]:
    database = Database(products_url)
    await database.open()
    yield database
    await database.close()


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
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://products")
    async with app.router.lifespan_context(app), client:
        await eventually(lambda: _is_ready(client))
        yield client


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
