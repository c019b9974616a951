"""docs/read-models.md shows how a read model is added; this does what it says, with the very text of the page."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine

from events.kafka import Kafka
from events.merged_model import MergedModel
from events.projection import Projector
from lab.replay.rebuild import rebuild
from orders_svc.read_models.tables import metadata
from tests.conftest import CreateDatabase
from tests.events.lifecycles import lifecycle
from tests.events.stand import Stand, publish, read, stand

PAGE = Path(__file__).parents[2] / "docs" / "read-models.md"
CONFIRMED = [2, 2, 2, 2]
CANCELLED = [2, 2, 2, 2, 2, 0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """The page's module, as if it were a file."""
    code, _ = blocks("python")
    made = ModuleType("customers")
    sys.modules["customers"] = made
    exec(compile(code, str(PAGE), "exec"), made.__dict__)
    yield made
    for table in ("customers", "customer_orders"):
        metadata.remove(metadata.tables[table])
    del sys.modules["customers"]


async def migrate(url: str) -> None:
    """The page's revision."""
    _, code = blocks("python")
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))

    def upgrade(sync: Any) -> None:
        with Operations.context(MigrationContext.configure(sync)):
            revision: dict[str, Any] = {}
            exec(compile(code, str(PAGE), "exec"), revision)
            revision["upgrade"]()

    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def spent(shop: Stand) -> dict[str, tuple[int, int]]:
    [query] = blocks("sql")
    return {customer: (orders, cents) for customer, orders, cents in await shop.rows(query.strip().rstrip(";"))}


async def test_the_model_of_the_page_is_built_by_a_replay_of_all_history_and_goes_on_from_there(
    module: ModuleType, kafka: Kafka, create_database: CreateDatabase
) -> None:
    model: MergedModel = module.MODEL
    lives = [
        lifecycle(choices, stock=stock, order_id=UUID(int=number << 80 | 7 << 76 | 2 << 62))
        for number, (choices, stock) in enumerate([(CONFIRMED, 5), (CONFIRMED, 5), (CANCELLED, 5), (CONFIRMED, 0)], 1)
    ]
    statuses = [life.order.status for life in lives]
    assert statuses == ["confirmed", "confirmed", "cancelled", "rejected"]
    async with stand(kafka, await create_database("orders")) as shop:
        await migrate(shop.url)
        await publish(kafka, [event for life in lives for event in life.told])

        first = await rebuild(model, kafka, shop.url, patience=0)
        assert first.swapped
        assert await spent(shop) == {"c": (2, 80000)}

        later = lifecycle(CONFIRMED, order_id=UUID(int=9 << 80 | 7 << 76 | 2 << 62))
        await publish(kafka, later.told)
        await Projector(model, shop.database).project(await read(kafka, "orders"))
        assert await spent(shop) == {"c": (3, 120000)}
        again = await rebuild(model, kafka, shop.url)
        assert again.equal
        assert again.swapped
