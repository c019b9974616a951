"""delivery's own link to products in the wirings with retries and with a circuit breaker."""

from typing import Any

import pytest

from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.downstream import Products
from tests.delivery_svc.facts import states
from tests.delivery_svc.test_participant import cancel, deliver

RETRYING = pytest.mark.parametrize("wiring", ["chain-retry", "chain-breaker"])


@RETRYING
async def test_products_is_asked_again_for_the_same_order(start: Start, products: Products, wiring: str) -> None:
    products.refuses(503, "unavailable", "not now")
    async with start(wiring=wiring, products_url=products.url, retry_pause_ms=1) as delivery:
        answer = await deliver(delivery, new_id())
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    assert len(products.asked) == 3
    assert len({body["orderId"] for _, body, _ in products.asked}) == 1


@RETRYING
async def test_a_refusal_by_products_is_passed_on_at_once(start: Start, products: Products, wiring: str) -> None:
    products.refuses(409, "out-of-stock", "out of stock")
    async with start(wiring=wiring, products_url=products.url) as delivery:
        answer = await deliver(delivery, new_id())
    assert (answer.status_code, answer.json()["detail"]) == (409, "out of stock")
    assert len(products.asked) == 1


@RETRYING
async def test_for_a_caller_that_has_gone_nothing_is_begun(
    start: Start, products: Products, sql: Any, wiring: str
) -> None:
    async with start(wiring=wiring, products_url=products.url) as delivery:
        answer = await deliver(delivery, new_id(), **{"X-Deadline-Ms": "0"})
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:shop:problem:deadline-passed")
    assert products.asked == []
    assert await sql.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_products_that_fails_is_cut_off_and_the_caller_told_at_once(
    start: Start, products: Products, sql: Any
) -> None:
    products.refuses(503, "unavailable", "not now")
    quick: dict[str, Any] = {"retry_attempts": 1, "breaker_window": 4, "breaker_calls": 4}
    order_id = new_id()
    async with start(wiring="chain-breaker", products_url=products.url, **quick) as delivery:
        for _ in range(4):
            await deliver(delivery, new_id())
        answer = await deliver(delivery, order_id)
        cancelled = await cancel(delivery, order_id)
    assert (answer.status_code, cancelled.status_code) == (503, 503)
    assert "its circuit is open" in answer.json()["detail"]
    assert len(products.asked) == 4
    assert await states(sql, order_id) == ["cancelled"]
