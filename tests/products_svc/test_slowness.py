"""The slowness that the laboratory injects: where the work is done, and only when asked for."""

from time import monotonic
from typing import Any

import pytest
from pydantic import ValidationError

from events.outbox import Outbox
from products_svc.reactions import order_placed
from products_svc.settings import ProductsSettings
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


@pytest.mark.parametrize(("delay", "jitter"), [(8_000, 2_001), (0, 10_001), (10_001, 0)])
def test_it_may_not_take_as_long_as_the_database_lets_a_transaction_idle(delay: int, jitter: int) -> None:
    secret = "postgresql://products:secret@127.0.0.1:1/products"
    with pytest.raises(ValidationError, match="10000") as refused:
        ProductsSettings(database_url=secret, inject_delay_ms=delay, inject_delay_jitter_ms=jitter)
    assert "secret" not in str(refused.value)
    ProductsSettings(database_url=secret, inject_delay_ms=8_000, inject_delay_jitter_ms=2_000)
