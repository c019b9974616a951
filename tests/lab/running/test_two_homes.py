"""Two checkouts on the same servers of others: neither sees, breaks or wipes what the other made."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from events.topics import TOPICS
from lab.backends import Addresses, backends_from_environment
from lab.running.layout import SERVICES, Layout
from lab.running.prepare import declare_topics, prepare_databases
from lab.running.shop import Ground
from lab.running.wiping import wipe
from lab.supervision import Home, Supervisor


def layout_in(home: Home) -> Layout:
    """What ``shop up`` makes there."""
    return Ground(home, backends_from_environment(home), Supervisor(home)).layout("events", "events", "shop")


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Home, Home]:
    return Home(tmp_path / "one"), Home(tmp_path / "two")


@pytest.fixture
def elsewhere(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
    monkeypatch.setenv("SHOP_POSTGRES_URL", addresses.postgres)


@pytest.mark.usefixtures("elsewhere")
async def test_a_home_wipes_what_it_made_and_nothing_else(homes: tuple[Home, Home]) -> None:
    mine, theirs = (layout_in(home) for home in homes)
    for layout in (mine, theirs):
        await prepare_databases(layout)
        await declare_topics(layout)
    for layout in (mine, theirs):
        for service in SERVICES:  # each with a password of its own
            await (await asyncpg.connect(layout.service_url(service))).close()
            await (await asyncpg.connect(layout.auditor_url(service))).close()

    removed = await in_thread(homes[0])

    assert {f"database {mine.database(service)}" for service in SERVICES} <= set(removed)
    assert not [name for name in removed if homes[1].mark() in name]
    assert not homes[0].root.exists()
    assert await left_of(mine) == []
    assert len(await left_of(theirs)) == 3 + 6 + len(TOPICS), "databases, roles, topics"
    for service in SERVICES:
        await (await asyncpg.connect(theirs.service_url(service))).close()

    await in_thread(homes[1])
    assert await left_of(theirs) == []


@pytest.mark.usefixtures("elsewhere")
async def test_wiping_a_home_that_never_was_removes_nothing(homes: tuple[Home, Home]) -> None:
    assert await in_thread(homes[0]) == []
    assert not homes[0].root.exists()


def test_on_its_own_servers_names_stay_plain(homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("SHOP_POSTGRES_URL", raising=False)
    layout = layout_in(homes[0])
    assert layout.database("orders") == "shop_events_orders"
    assert layout.role("orders") == "shop_orders"
    assert layout.topic_prefix == "shop"


async def in_thread(home: Home) -> list[str]:
    """``wipe`` runs an event loop of its own."""
    return await asyncio.to_thread(wipe, home)


async def left_of(layout: Layout) -> list[str]:
    """Databases, roles and topics of that layout."""
    admin = await asyncpg.connect(layout.admin)
    databases = [layout.database(service) for service in SERVICES]
    roles = [name for service in SERVICES for name in (layout.role(service), layout.auditor(service))]
    found = await admin.fetch("SELECT datname FROM pg_database WHERE datname = ANY($1::text[])", databases)
    found += await admin.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])", roles)
    await admin.close()
    kafka = AIOKafkaAdminClient(bootstrap_servers=layout.kafka)
    await kafka.start()
    topics = [name for name in await kafka.list_topics() if name.startswith(f"{layout.topic_prefix}.")]
    await kafka.close()
    return [row[0] for row in found] + topics
