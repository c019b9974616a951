"""Who may touch which database: one role a service, that owns its own and cannot connect to another's, and one
read-only role a service for the audit."""

from typing import Any

import asyncpg

from lab.running.layout import SERVICES, Layout
from lab.running.passwords import password_of
from lab.running.prepared import roll_back_prepared

_SET_AGAIN = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, coalesce(last_value, start_value),
                  last_value IS NOT NULL)
    FROM pg_sequences"""


async def ensure_roles(admin: Any, layout: Layout) -> None:
    """Creates the six roles where they are missing and sets their passwords. ``admin`` is an asyncpg connection of a
    role that may create roles."""
    await admin.execute("SELECT pg_advisory_lock(hashtext('shop roles'))")  # two commands at once would collide
    try:
        for service in SERVICES:
            owner, auditor = layout.role(service), layout.auditor(service)
            for role in (owner, auditor):
                if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await admin.execute(f"CREATE ROLE {role} LOGIN")
                await admin.execute(f"ALTER ROLE {role} PASSWORD '{password_of(role, layout.secret)}'")
            await admin.execute(f"GRANT {owner} TO CURRENT_USER")
            await admin.execute(f"GRANT pg_read_all_data TO {auditor}")
            await admin.execute(f"ALTER ROLE {auditor} SET default_transaction_read_only = on")
    finally:
        await admin.execute("SELECT pg_advisory_unlock(hashtext('shop roles'))")


async def create_databases(admin: Any, layout: Layout, template: Layout | None = None) -> None:
    """Creates the three databases where they are missing, as copies of ``template``'s if given, and shuts the doors
    between them."""
    for service in SERVICES:
        database, owner = layout.database(service), layout.role(service)
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            source = f" TEMPLATE {template.database(service)}" if template else ""
            await admin.execute(f"CREATE DATABASE {database} OWNER {owner}{source}")
            if template:
                await _log_sequences(layout.admin_url(database))
        await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {layout.auditor(service)}")


async def _log_sequences(copy: str) -> None:
    """Makes the sequences of a fresh copy survive a crash of the server. A sequence writes a log record for 32 values
    ahead and counts on its page how many of them are left; the copy takes over the count, but those records are about
    the original. After ``kill -9`` the copy would hand the same values out again: an event would get an outbox id that
    its relay has passed already, and never be published. Setting a value starts the count anew."""
    connection = await asyncpg.connect(copy)
    try:
        await connection.execute(_SET_AGAIN)
    finally:
        await connection.close()


async def drop_databases(admin: Any, layout: Layout) -> None:
    """Also what is still prepared in them is gone then."""
    for service in SERVICES:
        await roll_back_prepared(admin, layout.database(service), layout.admin_url(layout.database(service)))
        await admin.execute(f"DROP DATABASE IF EXISTS {layout.database(service)} WITH (FORCE)")
