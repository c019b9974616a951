"""The database that the migrations make is the one that the code expects."""

from events import tables as bookkeeping
from kit.three_phase import tables as three_phase
from kit.two_phase import tables as two_phase
from products_svc.tables import metadata
from tests.conftest import CreateDatabase
from tests.schema import assert_migrations_made, assert_replicas_may_migrate, together


async def test_the_migrations_make_the_tables_of_the_code(products_url: str) -> None:
    declared = together((metadata, bookkeeping.metadata))
    two_phase.declare(declared)
    three_phase.declare(declared)
    await assert_migrations_made(products_url, declared)


async def test_two_replicas_may_migrate_at_the_same_moment_and_again(create_database: CreateDatabase) -> None:
    await assert_replicas_may_migrate("products_svc", create_database)
