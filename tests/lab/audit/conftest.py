"""Three databases with a shop in them that adds up; each test spoils one thing."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from lab.audit import Databases
from tests.lab.audit.planted import BOOKS, SCHEMA, Shop, at, fill


@pytest.fixture
async def shop(postgres_url: str) -> AsyncIterator[Shop]:
    """A shop with two products and an order of every settled kind, in which everything adds up."""
    admin = await asyncpg.connect(postgres_url)
    suffix = uuid.uuid4().hex[:12]
    names = {service: f"audit_{service}_{suffix}" for service in SCHEMA}
    connections = {}
    try:
        for service, name in names.items():
            await admin.execute(f"CREATE DATABASE {name}")
            connections[service] = await asyncpg.connect(at(postgres_url, name))
            await connections[service].execute(SCHEMA[service] + BOOKS)
        urls = {service: at(postgres_url, name) for service, name in names.items()}
        shop = Shop(Databases(urls["orders"], urls["products"], urls["delivery"]), **connections)
        await fill(shop)
        yield shop
    finally:
        for connection in connections.values():
            await connection.close()
        for name in names.values():
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()
