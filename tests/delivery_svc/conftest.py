"""delivery on a real PostgreSQL; Kafka is not there (the API does not need it, and reactions are called directly)."""

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

from delivery_svc.app import build
from delivery_svc.settings import DeliverySettings
from events.outbox import Outbox
from kit import migrations
from kit.database import Database
from tests.delivery_svc.downstream import Products, running_products
from tests.waiting import eventually

TABLES = ("deliveries", "outbox", "inbox", "positions", "dead_letters")
NOBODY = "127.0.0.1:1"

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def delivery_url(postgres_url: str) -> Iterator[str]:
    """A database of delivery's own, migrated by its own migrations."""
    name = f"delivery_{os.getpid()}"
    url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name}"))
    migrations.upgrade("delivery_svc", url)
    yield url
    asyncio.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def sql(delivery_url: str) -> AsyncIterator[Any]:
    """A connection for looking into a database that was empty at the start."""
    async with emptied(delivery_url) as connection:
        yield connection


@pytest.fixture
async def database(delivery_url: str, sql: Any) -> AsyncIterator[Database]:
    database = Database(delivery_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database, wake=lambda: None)


@pytest.fixture
def start(delivery_url: str, sql: Any) -> Start:
    """``async with start(wiring="chain", ...) as delivery``: arguments are settings."""
    return partial(running, delivery_url)


@pytest.fixture
async def products() -> AsyncIterator[Products]:
    """A products service that answers as it is told."""
    async with running_products() as server:
        yield server


@asynccontextmanager
async def emptied(delivery_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(delivery_url)
    await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
    yield connection
    await connection.close()


@asynccontextmanager
async def running(delivery_url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The service with its background tasks, without a socket; in the wiring ``events`` it waits for its Kafka."""
    values = {"kafka_bootstrap_servers": NOBODY} | settings
    app, _ = build(DeliverySettings(database_url=delivery_url, **values))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://delivery")
    async with app.router.lifespan_context(app), client:
        await eventually(lambda: _is_ready(client))
        yield client


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
