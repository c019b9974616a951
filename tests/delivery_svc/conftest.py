"""delivery on a real PostgreSQL; Kafka is not there (the API does not need it, and reactions are called directly)."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from delivery_svc.app import build
from delivery_svc.settings import DeliverySettings
from events.outbox import Outbox
from kit.database import Database
from tests.delivery_svc.downstream import Products, running_products
from tests.service_app import NOBODY, migrated, opened, served

TABLES = ("deliveries", "outbox", "inbox", "positions", "dead_letters")

Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def delivery_url(postgres_url: str) -> Iterator[str]:
    """A database of delivery's own, migrated by its own migrations."""
    with migrated(postgres_url, "delivery_svc") as url:
        yield url


@pytest.fixture
async def sql(delivery_url: str) -> AsyncIterator[Any]:
    """A connection for looking into a database that was empty at the start."""
    async with emptied(delivery_url) as connection:
        yield connection


@pytest.fixture
async def database(delivery_url: str, sql: Any) -> AsyncIterator[Database]:
    async with opened(delivery_url) as database:
        yield database


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
    async with served(app) as client:
        yield client
