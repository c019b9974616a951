"""Who may touch which database."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from lab.running.layout import SERVICES, Layout
from lab.running.prepare import prepare_databases
from lab.running.roles import drop_databases


def new_layout(postgres_url: str, name: str | None = None) -> Layout:
    return Layout(
        name=name or f"t{uuid.uuid4().hex[:10]}",
        wiring="events",
        topic_prefix="t",
        kafka="127.0.0.1:1",
        admin=postgres_url,
        secret="a secret of the tests",
        ports={"orders": 1, "products": 2, "delivery": 3},
    )


@pytest.fixture
async def layout(postgres_url: str) -> AsyncIterator[Layout]:
    made = new_layout(postgres_url)
    await prepare_databases(made)
    yield made
    await drop(made)


async def drop(layout: Layout) -> None:
    admin = await asyncpg.connect(layout.admin)
    await drop_databases(admin, layout)
    await admin.close()


async def test_a_service_owns_its_database(layout: Layout) -> None:
    connection = await asyncpg.connect(layout.service_url("orders"))
    await connection.execute("CREATE TABLE things (id int); INSERT INTO things VALUES (1)")
    await connection.close()


@pytest.mark.parametrize("other", ["products", "delivery"])
async def test_a_service_cannot_connect_to_anothers_database(layout: Layout, other: str) -> None:
    theirs = layout.service_url("orders").replace(layout.database("orders"), layout.database(other))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(theirs)


async def test_the_auditor_reads_even_tables_made_later_and_writes_nothing(layout: Layout) -> None:
    owner = await asyncpg.connect(layout.service_url("orders"))
    await owner.execute("CREATE TABLE things (id int); INSERT INTO things VALUES (1)")
    await owner.close()
    auditor = await asyncpg.connect(layout.auditor_url("orders"))
    assert await auditor.fetchval("SELECT id FROM things") == 1
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await auditor.execute("INSERT INTO things VALUES (2)")
    await auditor.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auditor.execute("INSERT INTO things VALUES (2)")
    await auditor.close()


async def test_an_auditor_is_confined_to_the_databases_of_its_service(layout: Layout) -> None:
    theirs = layout.auditor_url("orders").replace(layout.database("orders"), layout.database("products"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(theirs)


async def test_preparing_twice_changes_nothing(layout: Layout) -> None:
    await prepare_databases(layout)
    for service in SERVICES:
        connection = await asyncpg.connect(layout.service_url(service))
        await connection.close()


async def test_a_copy_of_a_template_has_its_rows_and_doors_of_its_own(layout: Layout, postgres_url: str) -> None:
    owner = await asyncpg.connect(layout.service_url("products"))
    await owner.execute("CREATE TABLE things (id int); INSERT INTO things VALUES (7)")
    await owner.close()
    copy = new_layout(postgres_url)
    await prepare_databases(copy, layout)
    try:
        connection = await asyncpg.connect(copy.service_url("products"))
        assert await connection.fetchval("SELECT id FROM things") == 7
        await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(
                copy.service_url("orders").replace(copy.database("orders"), copy.database("products"))
            )
    finally:
        await drop(copy)


def test_no_password_shows_in_a_layouts_repr() -> None:
    layout = new_layout("postgresql://postgres:very-secret@127.0.0.1:1/postgres")
    assert "very-secret" not in repr(layout)
    assert "a secret of the tests" not in repr(layout)


async def test_what_is_still_prepared_does_not_keep_a_database_from_being_dropped(postgres_url: str) -> None:
    layout = new_layout(postgres_url)
    await prepare_databases(layout)
    owner = await asyncpg.connect(layout.service_url("products"))
    await owner.execute("CREATE TABLE things (id int)")
    await owner.execute(f"BEGIN; INSERT INTO things VALUES (1); PREPARE TRANSACTION 'left in {layout.name}'")
    await owner.close()

    await drop(layout)

    admin = await asyncpg.connect(postgres_url)
    left = "SELECT count(*) FROM pg_prepared_xacts WHERE gid = $1"
    assert await admin.fetchval(left, f"left in {layout.name}") == 0
    assert await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", layout.database("products")) is None
    await admin.close()
