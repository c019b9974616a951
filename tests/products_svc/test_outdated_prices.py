"""An order keeps the price that was shown; those placed at an outdated one are counted, on a real database."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from events.envelope import Envelope
from events.outbox import Outbox
from kit.ids import new_id
from products_svc.reactions import REACTIONS, order_placed
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import cancelled, placed, states

pytestmark = pytest.mark.timeout(60)


async def handle(outbox: Outbox, *events: Envelope[Any]) -> None:
    """What the reactions loop does with events of one type: one transaction."""
    async with outbox.transaction() as transaction:
        await REACTIONS[type(events[0].data)](transaction, events)


async def noted(sql: Any) -> set[Any]:
    return {row["order_id"] for row in await sql.fetch("SELECT order_id FROM reservations WHERE outdated_price")}


def counted() -> float:
    return REGISTRY.get_sample_value("orders_at_outdated_price_total") or 0.0


async def test_an_order_placed_before_the_price_changed_is_served_and_noted(outbox: Outbox, sql: Any) -> None:
    before = counted()
    await sql.execute("UPDATE products SET price = 21000 WHERE id = 2")
    outdated, current = placed(2, unit_price=20000), placed(2, unit_price=21000)
    await handle(outbox, outdated, current)
    assert await states(sql, [outdated, current]) == ["reserved", "reserved"]
    assert await noted(sql) == {outdated.data.order_id}
    assert counted() == before + 1


async def test_an_order_that_is_refused_was_placed_at_an_outdated_price_all_the_same(outbox: Outbox, sql: Any) -> None:
    await sql.execute("UPDATE products SET price = 21000, withdrawn = true WHERE id = 2")
    order = placed(2, unit_price=20000)
    await handle(outbox, order)
    assert await states(sql, [order]) == ["rejected"]
    assert await noted(sql) == {order.data.order_id}


async def test_a_product_that_does_not_exist_has_no_price_to_compare(outbox: Outbox, sql: Any) -> None:
    await handle(outbox, placed(99))
    assert await noted(sql) == set()


async def test_it_is_counted_once_however_often_the_event_comes(outbox: Outbox, sql: Any) -> None:
    before = counted()
    order = placed(2, unit_price=19999)
    for _ in range(2):
        await handle(outbox, order, order)
    assert counted() == before + 1


async def test_it_stays_noted_when_the_order_is_cancelled(outbox: Outbox, sql: Any) -> None:
    order = placed(2, unit_price=19999)
    await handle(outbox, order)
    await handle(outbox, cancelled(order))
    assert await states(sql, [order]) == ["released"]
    assert await noted(sql) == {order.data.order_id}


async def test_what_is_rolled_back_is_not_counted(outbox: Outbox, sql: Any) -> None:
    before = counted()

    async def interrupted() -> None:
        async with outbox.transaction() as transaction:
            await order_placed(transaction, [placed(2, unit_price=19999)])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await interrupted()
    assert counted() == before


async def test_in_the_chain_the_price_is_read_in_the_same_request_and_nothing_is_noted(start: Start, sql: Any) -> None:
    body = {"orderId": str(new_id()), "productId": 2, "quantity": 1}
    async with start(wiring="chain") as products:
        assert (await products.post("/participant/reservations", json=body)).status_code == 200
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 1
    assert await noted(sql) == set()
