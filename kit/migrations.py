"""Bringing a service's database to the schema of its code: Alembic, on asyncpg, one at a time."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import asyncpg
import structlog
from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

log = structlog.get_logger()

_LOCK = 7_305_001


def upgrade(package: str, database_url: str) -> None:
    """Runs ``<package>/migrations`` up to the newest revision. Two replicas that start together wait for each other.
    A schema that a newer version has made is left as it is: this code runs on it (docs/running.md, Upgrades)."""
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
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = set(MigrationContext.configure(connection).get_current_heads())
    if present <= known:
        command.upgrade(config, "head")
    else:
        log.warning("the schema is newer than this code and is left as it is", revision=", ".join(sorted(present)))
