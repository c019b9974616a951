"""The slowness that the laboratory injects: where the work is done, and only when asked for."""

from time import monotonic
from typing import Any

from events.outbox import Outbox
from products_svc.reactions import order_placed
from products_svc.slowness import Slowness
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import placed, stock_of


def test_it_is_off_unless_asked_for() -> None:
    assert not Slowness(0, 0)
    assert Slowness(0, 1)
    assert Slowness(1, 0)


async def test_requests_take_longer_and_probes_do_not(start: Start) -> None:
    async with start(wiring="chain", inject_delay_ms=1000) as products:
        begin = monotonic()
        await products.get("/products/2")
        assert monotonic() - begin >= 1.0
        begin = monotonic()
        await products.get("/health/live")
        assert monotonic() - begin < 1.0


async def test_a_batch_takes_longer_inside_its_transaction(outbox: Outbox, sql: Any) -> None:
    begin = monotonic()
    async with outbox.transaction() as transaction:
        await Slowness(200, 100).slowed(order_placed)(transaction, [placed(2)])
    assert monotonic() - begin >= 0.2
    assert await stock_of(sql, 2) == 1_999_999
