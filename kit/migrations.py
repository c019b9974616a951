"""Bringing a service's database to the schema of its code: Alembic, on asyncpg, one at a time."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_LOCK = 7_305_001


def upgrade(package: str, database_url: str) -> None:
    """Runs ``<package>/migrations`` up to the newest revision. Two replicas that start together wait for each other."""
    asyncio.run(upgrade_async(package, database_url))


async def upgrade_async(package: str, database_url: str) -> None:
    """``upgrade``, for callers that run in an event loop."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=partial(asyncpg.connect, database_url), poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.run_sync(_upgrade, package)
    finally:
        await engine.dispose()


def run(*metadata: MetaData) -> None:
    """What a service's ``migrations/env.py`` does: runs the revisions on the connection that ``upgrade`` opened."""
    target: Sequence[MetaData] = metadata
    context.configure(connection=context.config.attributes["connection"], target_metadata=target)
    context.run_migrations()


def _upgrade(connection: Connection, package: str) -> None:
    config = Config()
    folder = Path(__import__(package).__path__[0]) / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
