"""The errors that the laboratory injects: where the work is done, before any of it is, and only when asked for."""

from typing import Any

import pytest
from pydantic import ValidationError

from events.outbox import Outbox
from products_svc.failing import Failing, InjectedError
from products_svc.reactions import order_placed
from products_svc.settings import ProductsSettings
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import placed, stock_of


def test_it_is_off_unless_asked_for() -> None:
    assert not Failing(0)
    assert not any(Failing(0).fails() for _ in range(100))
    assert Failing(0.3)


def test_about_so_many_pieces_of_work_fail() -> None:
    failing = Failing(0.3)
    failed = sum(failing.fails() for _ in range(10_000))
    assert 2_700 < failed < 3_300, "more than six standard deviations away"


async def test_requests_fail_as_problems_with_nothing_done_and_probes_do_not(start: Start, sql: Any) -> None:
    async with start(wiring="chain", inject_error_rate=1) as products:
        answer = await products.post("/products/2/stock/decrease", json={"quantity": 1})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:shop:problem:injected-error"
        assert (await products.get("/health/live")).status_code == 200
    assert await stock_of(sql, 2) == 2_000_000


async def test_a_batch_fails_before_any_of_it_is_handled(outbox: Outbox, sql: Any) -> None:
    with pytest.raises(InjectedError):
        async with outbox.transaction() as transaction:
            await Failing(1).failing(order_placed)(transaction, [placed(2)])
    assert await stock_of(sql, 2) == 2_000_000


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_it_is_a_share(rate: float) -> None:
    with pytest.raises(ValidationError, match="inject_error_rate"):
        ProductsSettings(database_url="postgresql://products@127.0.0.1:1/products", inject_error_rate=rate)
