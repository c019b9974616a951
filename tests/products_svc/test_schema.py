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
from kit.three_phase import tables as three_phase
from kit.two_phase import tables as two_phase
from products_svc.tables import metadata
from tests.conftest import CreateDatabase


async def test_the_migrations_make_the_tables_of_the_code(products_url: str) -> None:
    declared = MetaData()
    two_phase.declare(declared)
    three_phase.declare(declared)
    for table in (*metadata.tables.values(), *bookkeeping.metadata.tables.values()):
        table.to_metadata(declared)

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), declared))

    engine = create_async_engine(make_url(products_url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert [difference for difference in found if "alembic_version" not in str(difference)] == []


async def test_two_replicas_may_migrate_at_the_same_moment_and_again(create_database: CreateDatabase) -> None:
    url = await create_database("products")
    await asyncio.gather(*(migrations.upgrade_async("products_svc", url) for _ in range(2)))
    await migrations.upgrade_async("products_svc", url)
