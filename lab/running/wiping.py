"""Removing everything a shop has kept."""

import asyncio
import os
import re
import shutil
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from events.kafka import Kafka
from kit.kafka_settings import security_here
from lab.backends import backends_from_environment
from lab.running.prepared import roll_back_prepared
from lab.supervision import Home

_DATABASES = "SELECT datname FROM pg_database WHERE datname ~ $1 ORDER BY 1"
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname ~ $1 ORDER BY 1"


def wipe(home: Home) -> list[str]:
    """Removes the home folder (with the embedded backends' data), and what this home made on servers of others, known
    by its mark: databases, roles and topics. Says what it removed. The shop must have been stopped."""
    backends = backends_from_environment(home)
    removed: list[str] = []
    if not home.root.exists():
        return removed
    if backends.postgres is None:
        removed += asyncio.run(_drop_databases(backends.addresses.postgres, home.mark()))
    if backends.kafka is None:
        removed += asyncio.run(_delete_topics(backends.addresses.kafka, home.mark()))
    if backends.postgres is not None:
        outside = backends.postgres.place.data.parent
        if not outside.is_relative_to(home.root):  # root's data may live where its unprivileged user can get to
            shutil.rmtree(outside, ignore_errors=True)
            removed.append(str(outside))
    shutil.rmtree(home.root)
    removed.append(os.path.relpath(home.root))
    return removed


async def _drop_databases(admin_url: str, mark: str) -> list[str]:
    admin = await asyncpg.connect(admin_url)
    try:
        databases = await _names(admin, _DATABASES, f"^shop_[a-z0-9_]+_{mark}_(orders|products|delivery)$")
        for name in databases:
            await roll_back_prepared(admin, name, urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}")))
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        roles = await _names(admin, _ROLES, f"^shop_{mark}_(orders|products|delivery)(_auditor)?$")
        for name in roles:
            await admin.execute(f'DROP ROLE IF EXISTS "{name}"')
        return [f"database {name}" for name in databases] + [f"role {name}" for name in roles]
    finally:
        await admin.close()


async def _names(admin: Any, query: str, pattern: str) -> list[str]:
    return [row[0] for row in await admin.fetch(query, pattern)]


async def _delete_topics(bootstrap_servers: str, mark: str) -> list[str]:
    ours = re.compile(rf"shop(-[a-z0-9-]+)?-{mark}\.")
    admin = AIOKafkaAdminClient(**Kafka(bootstrap_servers, security=security_here()).client_options())
    await admin.start()
    try:
        names = sorted(name for name in await admin.list_topics() if ours.match(name))
        if names:
            await admin.delete_topics(names)
        return [f"topic {name}" for name in names]
    finally:
        await admin.close()
