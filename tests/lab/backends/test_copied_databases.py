"""A database that was copied from a template, and the end of a server by kill -9."""

import asyncio
from typing import Any

import asyncpg

from lab.backends import PostgresServer
from lab.running.layout import Layout
from lab.running.prepare import prepare_databases

_INSERT = "INSERT INTO events SELECT FROM generate_series(1, 7) RETURNING id"


def layout(admin: str, name: str) -> Layout:
    return Layout(name, "events", "t", "127.0.0.1:1", admin, "a secret of the tests", {"orders": 1})


async def ids(url: str, *before: str) -> list[int]:
    """Of seven rows that are inserted, after those statements."""
    connection: Any = await asyncpg.connect(url)
    try:
        for statement in before:
            await connection.execute(statement)
        return [row["id"] for row in await connection.fetch(_INSERT)]
    finally:
        await connection.close()


def test_no_sequence_hands_a_number_out_twice_after_kill_minus_nine(postgres: PostgresServer) -> None:
    postgres.start()
    template, copy = layout(postgres.admin_url, "template"), layout(postgres.admin_url, "copy")

    async def make_and_use() -> list[int]:
        await prepare_databases(template)
        table = "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"
        await ids(template.service_url("orders"), table, "CREATE SEQUENCE unused")
        await prepare_databases(copy, template)
        return await ids(copy.service_url("orders"), "DELETE FROM events")

    handed_out = asyncio.run(make_and_use())
    assert handed_out[0] == 8, "the copy goes on where the template stood"
    postgres.kill()
    postgres.start()
    later = asyncio.run(ids(copy.service_url("orders"), "DELETE FROM events"))
    assert min(later) > max(handed_out)
