"""A service's schema, and code that is older than it."""

import asyncpg
from structlog.testing import capture_logs

from kit import migrations
from tests.conftest import CreateDatabase


async def test_a_schema_that_is_newer_than_the_code_is_left_as_it_is(create_database: CreateDatabase) -> None:
    """Going back is the old image on the new schema, and its migration runs, too."""
    url = await create_database("newer")
    await migrations.upgrade_async("delivery_svc", url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        before = await _schema(connection)
        with capture_logs() as logged:
            await migrations.upgrade_async("delivery_svc", url)
        assert await _schema(connection) == before
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()
    assert [(line["event"], line["revision"]) for line in logged] == [
        ("the schema is newer than this code and is left as it is", "9999")
    ]


async def _schema(connection: asyncpg.Connection) -> list[tuple[str, ...]]:
    columns = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    return [tuple(row) for row in await connection.fetch(f"{columns} ORDER BY 1, 2")]
