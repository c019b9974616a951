from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from orders_svc.read_models.tables import metadata
from tests.conftest import CreateDatabase
from tests.events.stand import Stand, stand


@pytest.fixture
async def orders(kafka: Any, create_database: CreateDatabase) -> AsyncIterator[Stand]:
    """orders' database, as far as the worker needs it, and topics of two partitions."""
    async with stand(kafka, await create_database("orders")) as made:
        await make_tables(made.url)
        yield made


async def make_tables(url: str) -> None:
    """Those of the read models."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
