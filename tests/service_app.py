"""A service in the test's own process, and its database: what the services' tests are set up with."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import asyncpg
import httpx
from fastapi import FastAPI

from kit import migrations
from kit.database import Database
from tests.waiting import eventually

NOBODY = "127.0.0.1:1"
"""Where no Kafka is."""


@contextmanager
def migrated(postgres_url: str, package: str) -> Iterator[str]:
    """The URL of a database of the service's own, made by its own migrations, and dropped afterwards."""
    name = f"{package}_{os.getpid()}"
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name}"))
    url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    migrations.upgrade(package, url)
    yield url
    asyncio.run(_execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.open()
    yield database
    await database.close()


@asynccontextmanager
async def served(app: FastAPI, ready: str = "/health/ready") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application with its background tasks, without a socket, once ``ready`` answers with 200."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")

    async def is_ready() -> bool:
        return (await client.get(ready)).status_code == 200

    async with app.router.lifespan_context(app), client:
        await eventually(is_ready)
        yield client


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
