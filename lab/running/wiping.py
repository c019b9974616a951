"""Removing everything a shop has kept."""

import asyncio
import os
import shutil

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from lab.backends import backends_from_environment
from lab.supervision import Home

_OURS = "SELECT datname FROM pg_database WHERE datname ~ '^shop_[a-z0-9_]+_(orders|products|delivery)$' ORDER BY 1"


def wipe(home: Home) -> list[str]:
    """Removes the home folder (with the embedded backends' data), and what we made on servers of others: databases
    ``shop_*`` and topics below our prefixes. Says what it removed. The shop must have been stopped."""
    backends = backends_from_environment(home)
    removed = []
    if backends.postgres is None:
        removed += asyncio.run(_drop_databases(backends.addresses.postgres))
    if backends.kafka is None:
        removed += asyncio.run(_delete_topics(backends.addresses.kafka))
    if backends.postgres is not None and home.root.exists():
        outside = backends.postgres.place.data.parent
        if not outside.is_relative_to(home.root):  # root's data may live where its unprivileged user can get to
            shutil.rmtree(outside, ignore_errors=True)
            removed.append(str(outside))
    if home.root.exists():
        shutil.rmtree(home.root)
        removed.append(os.path.relpath(home.root))
    return removed


async def _drop_databases(admin_url: str) -> list[str]:
    admin = await asyncpg.connect(admin_url)
    try:
        names = [row["datname"] for row in await admin.fetch(_OURS)]
        for name in names:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        return [f"database {name}" for name in names]
    finally:
        await admin.close()


async def _delete_topics(bootstrap_servers: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = sorted(name for name in await admin.list_topics() if name.startswith(("shop.", "shop-compare-")))
        if names:
            await admin.delete_topics(names)
        return [f"topic {name}" for name in names]
    finally:
        await admin.close()
