"""The database that the migrations make is the one that the code expects."""

import asyncio
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from events import tables as bookkeeping
from kit import migrations
from kit.two_phase.tables import declare
from orders_svc import last_prices, store
from orders_svc.placing.tcc import log as tcc
from orders_svc.read_models import tables as read_models
from orders_svc.three_phase.coordination_log import coordination
from orders_svc.two_phase.decision_log import decisions


async def test_the_migrations_make_the_tables_of_the_code(orders_url: str) -> None:
    together = MetaData()
    declare(together)
    assert decisions.metadata is coordination.metadata is store.metadata
    theirs = (store.metadata, last_prices.metadata, tcc.metadata, read_models.metadata, bookkeeping.metadata)
    for metadata in theirs:
        for table in metadata.tables.values():
            table.to_metadata(together)

    def differences(connection: Connection) -> list[Any]:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), together)
        return [difference for difference in found if "alembic_version" not in str(difference)]

    engine = create_async_engine(make_url(orders_url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_two_replicas_may_migrate_at_the_same_moment_and_again(create_database: Any) -> None:
    url = await create_database("orders")
    await asyncio.gather(*(migrations.upgrade_async("orders_svc", url) for _ in range(2)))
    await migrations.upgrade_async("orders_svc", url)
