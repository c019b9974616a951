"""The migration of the bookkeeping makes exactly the tables that the code uses."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine

from events import schema, tables
from tests.conftest import CreateDatabase


@pytest.mark.parametrize("question", ["tables", "storage"])
async def test_the_migration_makes_the_tables_of_the_code(create_database: CreateDatabase, question: str) -> None:
    migrated = create_async_engine(_asyncpg(await create_database("migrated")))
    declared = create_async_engine(_asyncpg(await create_database("declared")))
    async with migrated.begin() as connection:
        await connection.run_sync(_upgrade)
    async with declared.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    async with migrated.connect() as one, declared.connect() as other:
        if question == "tables":
            assert await one.run_sync(lambda sync: compare_metadata(_context(sync), tables.metadata)) == []
        else:
            assert await one.run_sync(_storage) == await other.run_sync(_storage)
    await migrated.dispose()
    await declared.dispose()


async def test_a_downgrade_leaves_nothing(create_database: CreateDatabase) -> None:
    engine = create_async_engine(_asyncpg(await create_database("downgraded")))
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: schema.upgrade_v1(_operations(sync)))
        before = await connection.run_sync(_dead_letter_columns)
        await connection.run_sync(lambda sync: schema.upgrade_v2(_operations(sync)))
        await connection.run_sync(lambda sync: schema.downgrade_v2(_operations(sync)))
        assert await connection.run_sync(_dead_letter_columns) == before
        await connection.run_sync(lambda sync: schema.downgrade_v1(_operations(sync)))
        assert await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()) == []
    await engine.dispose()


def _upgrade(connection: sa.Connection) -> None:
    schema.upgrade_v1(_operations(connection))
    schema.upgrade_v2(_operations(connection))


def _dead_letter_columns(connection: sa.Connection) -> set[str]:
    return {column["name"] for column in sa.inspect(connection).get_columns("dead_letters")}


def _storage(connection: sa.Connection) -> list[tuple[object, ...]]:
    """What alembic does not compare: storage options, identity, defaults, indexes with their methods."""
    rows = connection.exec_driver_sql(
        "SELECT c.relname, c.reloptions::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
        "a.attidentity::text, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum"
    ).fetchall()
    indexes = connection.exec_driver_sql(
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
    ).fetchall()
    return [tuple(row) for row in [*rows, *indexes]]


def _context(connection: sa.Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})


def _operations(connection: sa.Connection) -> Operations:
    return Operations(MigrationContext.configure(connection))


def _asyncpg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")
