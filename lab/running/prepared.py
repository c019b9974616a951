"""Prepared transactions on a server: are there places for them, and giving up what is left in a database that is about
to be removed."""

from typing import Any

import asyncpg

from lab.running.errors import NotPrepared

_PLACES = 64
_PREPARED = "SELECT gid, owner FROM pg_prepared_xacts WHERE database = $1"


async def roll_back_prepared(admin: Any, database: str, admin_url: str) -> list[str]:
    """Rolls back every prepared transaction of the database; their names. PostgreSQL drops no database that has one,
    and each takes one of the server's few places. ``admin`` is a connection to any database of the server;
    ``admin_url`` leads to this one."""
    left = await admin.fetch(_PREPARED, database)
    if not left:
        return []
    inside = await asyncpg.connect(admin_url)
    try:
        for row in left:
            await inside.execute(f'SET ROLE "{row["owner"]}"')  # only who prepared it may finish it
            await inside.execute("ROLLBACK PREPARED '{}'".format(row["gid"].replace("'", "''")))
    finally:
        await inside.close()
    return [row["gid"] for row in left]


async def need_places(admin: Any) -> None:
    """Raises NotPrepared when the server keeps too few places for prepared transactions, or none, as PostgreSQL does
    unless it is told: then the wiring ``2pc`` could not place a single order."""
    places = await admin.fetchval("SELECT current_setting('max_prepared_transactions')::int")
    if places < _PLACES:
        raise NotPrepared(
            f"the wiring 2pc needs max_prepared_transactions = {_PLACES} on the PostgreSQL server, and it is {places}; "
            "set it in postgresql.conf and restart the server"
        )
