"""A backup of a service's database and its restore, table by table, and the way of its events to the topics."""

import asyncio
from collections.abc import Sequence
from typing import Any

from events.kafka import Kafka
from events.relay import Relay
from tests.waiting import eventually


class Backup:
    """All tables of the database, as they were at one moment (``take``); ``restore`` makes them that again."""

    def __init__(self, sql: Any, tables: Sequence[str]) -> None:
        self._sql = sql
        self._tables = tables

    @classmethod
    async def take(cls, sql: Any) -> "Backup":
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        tables = [row["tablename"] for row in await sql.fetch(names)]
        async with sql.transaction(isolation="repeatable_read"):
            await sql.execute("DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup")
            for table in tables:
                await sql.execute(f"CREATE TABLE backup.{table} AS TABLE public.{table}")
        return cls(sql, tables)

    async def restore(self) -> None:
        async with self._sql.transaction():
            await self._sql.execute(f"TRUNCATE {', '.join(f'public.{table}' for table in self._tables)}")
            for table in self._tables:
                await self._sql.execute(f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE TABLE backup.{table}")


async def publish(kafka: Kafka, database_url: str, service: str, sql: Any) -> None:
    """Everything in the outbox goes to Kafka, by the relay of the service."""
    relay = asyncio.create_task(Relay(service=service, kafka=kafka, database_url=database_url).run())
    try:
        await eventually(lambda: _is_empty(sql), within=60)
    finally:
        relay.cancel()
        await asyncio.wait([relay])


async def _is_empty(sql: Any) -> bool:
    return bool(await sql.fetchval("SELECT count(*) = 0 FROM outbox"))
