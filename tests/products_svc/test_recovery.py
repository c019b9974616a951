"""What products puts back of its own when its database was restored to an older state, from a real broker."""

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import Envelope
from events.kafka import Kafka
from events.outbox import Outbox
from events.recovering import Recovered, recover
from events.topics import declare
from kit.database import Database
from products_svc.catalogue import Catalogue
from products_svc.reactions import REACTIONS
from products_svc.recovery import TOPICS, PutBackProducts, between
from products_svc.schemas import NewProduct
from tests.backup import Backup, publish
from tests.products_svc.shelf import assert_the_ledger_adds_up, cancelled, placed, states, stock_of, versions

pytestmark = pytest.mark.timeout(120)


async def handle(outbox: Outbox, *events: Envelope[Any]) -> None:
    for event in events:
        async with outbox.transaction() as transaction:
            await REACTIONS[type(event.data)](transaction, [event])


async def recovered(kafka: Kafka, database: Database) -> Recovered:
    return await recover(service="products", kafka=kafka, database=database, topics=TOPICS, put_back=PutBackProducts())


async def shelf(sql: Any) -> list[Any]:
    rows = await sql.fetch("SELECT id, name, price, stock, image_url, withdrawn FROM products ORDER BY id")
    return [tuple(row) for row in rows]


async def test_what_was_announced_since_the_backup_is_there_again(
    kafka: Kafka, outbox: Outbox, database: Database, sql: Any
) -> None:
    await declare(kafka, partitions=2, say=lambda _: None)
    catalogue = Catalogue(outbox.transaction)
    early, kept, returned, too_many, late = placed(2, 5), placed(2, 7), placed(3, 2), placed(9, 1), placed(7, 10)
    await catalogue.move(1, 100, None)
    await handle(outbox, early)
    backup = await Backup.take(sql)
    await handle(outbox, kept, returned, too_many)
    await catalogue.change(2, {"price": 999, "name": "MASK 2"})
    await catalogue.move(2, 50, None)
    await catalogue.create(NewProduct(id=7, name="LAMP", price=5, stock=10, image_url="/l.png"), None)
    await handle(outbox, late)
    await catalogue.move(7, 4, None)
    await handle(outbox, cancelled(returned), cancelled(early))
    await catalogue.move(3, -1000, None)
    await publish(kafka, database.url, "products", sql)
    known, decided = await shelf(sql), await states(sql, [early, kept, returned, too_many, late])
    numbers = {row["id"]: row["version"] for row in await sql.fetch("SELECT id, version FROM products")}

    await backup.restore()
    await recovered(kafka, database)

    assert await shelf(sql) == known
    assert await states(sql, [early, kept, returned, too_many, late]) == decided
    assert decided == ["released", "reserved", "released", "rejected", "reserved"]
    await assert_the_ledger_adds_up(sql)
    for product_id in (2, 3, 7):
        assert await versions(sql, product_id) == [numbers[product_id] + 1], "a version that nobody has seen"
    assert await versions(sql, 1) == []

    await handle(outbox, kept, returned, too_many, late, cancelled(returned), cancelled(early))
    assert await shelf(sql) == known, "hearing the orders again takes nothing again"


async def test_recovering_again_changes_nothing(kafka: Kafka, outbox: Outbox, database: Database, sql: Any) -> None:
    await declare(kafka, partitions=2, say=lambda _: None)
    backup = await Backup.take(sql)
    await handle(outbox, placed(2, 5), placed(3, 1))
    await publish(kafka, database.url, "products", sql)
    await backup.restore()
    first = await recovered(kafka, database)
    entries = await sql.fetchval("SELECT count(*) FROM stock_ledger")

    again = await recovered(kafka, database)

    assert (first.put_back, again.put_back) == (4, 0)
    assert await sql.fetchval("SELECT count(*) FROM stock_ledger") == entries
    assert await stock_of(sql, 2) == 2_000_000 - 5


async def test_stock_whose_product_was_not_announced_any_more_is_taken_all_the_same(
    kafka: Kafka, outbox: Outbox, database: Database, sql: Any
) -> None:
    """The relay died between an order's answer and the product's new state."""
    await declare(kafka, partitions=2, say=lambda _: None)
    backup = await Backup.take(sql)
    await handle(outbox, placed(2, 5))
    await publish(kafka, database.url, "products", sql)
    await handle(outbox, placed(2, 7))
    await sql.execute("DELETE FROM outbox WHERE topic = 'products'")
    await publish(kafka, database.url, "products", sql)

    await backup.restore()
    await recovered(kafka, database)

    assert await stock_of(sql, 2) == 2_000_000 - 12
    await assert_the_ledger_adds_up(sql)


@given(
    stock=st.integers(0, 50), moves=st.lists(st.integers(-30, 30).filter(bool), max_size=12), target=st.integers(0, 50)
)
def test_the_ledger_ends_where_it_should_and_is_never_below_zero(stock: int, moves: list[int], target: int) -> None:
    put_in, taken_out = between(stock, moves, target)
    assert put_in >= 0
    assert taken_out >= 0
    balances = list(accumulate([put_in, *moves, -taken_out], initial=stock))
    assert min(balances) >= 0
    assert balances[-1] == target
