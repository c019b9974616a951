"""Everything a shop needs before its processes start: roles, databases, migrations, topics, catalogue.

It is what ``python -m <service> migrate``, ``python -m events.topics`` and ``python -m products_svc seed`` do, called
in this process: five starts of an interpreter less.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
from aiokafka.errors import KafkaError
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from events import acls, topics
from kit import migrations
from lab.running.errors import NotPrepared
from lab.running.layout import SERVICES, Layout
from lab.running.prepared import need_places
from lab.running.roles import create_databases, drop_databases, ensure_roles
from lab.running.specs import package
from lab.running.topics import delete_topics
from products_svc.seeding import seed as seed_products
from products_svc.settings import ProductsSettings


async def prepare(layout: Layout, progress: Callable[[str], None]) -> None:
    """Does what is still to be done; a second call changes nothing. Raises NotPrepared."""
    progress("databases and roles")
    await prepare_databases(layout)
    progress("migrations")
    await migrate(layout)
    progress("catalogue" if layout.wiring != "events" else "topics and catalogue")
    await asyncio.gather(declare_topics(layout), seed(layout))


async def prepare_databases(layout: Layout, template: Layout | None = None) -> None:
    """Roles and databases; with ``template`` the databases are copies of that layout's (which nobody may be using)."""
    with _explained("PostgreSQL does not let us create databases"):
        admin = await asyncpg.connect(layout.admin)
        try:
            if layout.wiring == "2pc":
                await need_places(admin)
            await ensure_roles(admin, layout)
            await create_databases(admin, layout, template)
        finally:
            await admin.close()


async def migrate(layout: Layout) -> None:
    """Brings the three databases to the newest schema, one after the other: Alembic knows one at a time."""
    for service in SERVICES:
        with _explained(f"the database of {service} could not be migrated"):
            await migrations.upgrade_async(package(service), layout.service_url(service))


async def seed(layout: Layout) -> None:
    """The default catalogue, where there is none."""
    with _explained("the catalogue could not be seeded"):
        await seed_products(ProductsSettings(database_url=layout.service_url("products"), wiring=layout.wiring))


async def declare_topics(layout: Layout) -> None:
    """The topics of the events wiring; others have none."""
    if layout.wiring == "events":
        asked = topics.TopicSettings()
        with _explained("topics could not be declared"):
            await topics.declare(
                layout.broker(),
                partitions=asked.topic_partitions,
                replication_factor=asked.topic_replication_factor,
                say=lambda line: None,
            )
            if asked.topic_acls == "on":
                await acls.declare(layout.broker(), say=lambda line: None)


async def remove(layout: Layout) -> None:
    """Databases and topics of a shop that is stopped, if there are any. The roles stay: other shops have the same."""
    admin = await asyncpg.connect(layout.admin)
    try:
        await drop_databases(admin, layout)
    finally:
        await admin.close()
    await delete_topics(layout)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, asyncpg.PostgresError, SQLAlchemyError, CommandError, KafkaError) as error:
        raise NotPrepared(f"{what}: {error}; `shop doctor` says what is missing") from error
