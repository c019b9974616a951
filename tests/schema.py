"""What a service's migrations make, held against the tables that its code declares."""

import asyncio
from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from kit import migrations
from tests.conftest import CreateDatabase


def together(declared: Iterable[MetaData]) -> MetaData:
    found = MetaData()
    for metadata in declared:
        for table in metadata.tables.values():
            table.to_metadata(found)
    return found


async def assert_migrations_made(url: str, declared: MetaData) -> None:
    """The migrated database has the declared tables, of the declared types, and no other ones."""

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), declared))

    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert [difference for difference in found if "alembic_version" not in str(difference)] == []


async def assert_replicas_may_migrate(package: str, create_database: CreateDatabase) -> None:
    """Two at the same moment, and one once more."""
    url = await create_database(package)
    await asyncio.gather(*(migrations.upgrade_async(package, url) for _ in range(2)))
    await migrations.upgrade_async(package, url)
