"""The database that the migrations make is the one that the code expects."""

from events import tables as bookkeeping
from kit.two_phase import tables as two_phase
from orders_svc import last_prices, store
from orders_svc.placing.tcc import log as tcc
from orders_svc.read_models import tables as read_models
from orders_svc.three_phase.coordination_log import coordination
from orders_svc.two_phase.decision_log import decisions
from tests.conftest import CreateDatabase
from tests.schema import assert_migrations_made, assert_replicas_may_migrate, together


async def test_the_migrations_make_the_tables_of_the_code(orders_url: str) -> None:
    assert decisions.metadata is coordination.metadata is store.metadata
    declared = together(
        (store.metadata, last_prices.metadata, tcc.metadata, read_models.metadata, bookkeeping.metadata)
    )
    two_phase.declare(declared)
    await assert_migrations_made(orders_url, declared)


async def test_two_replicas_may_migrate_at_the_same_moment_and_again(create_database: CreateDatabase) -> None:
    await assert_replicas_may_migrate("orders_svc", create_database)
