"""The chain with retries, as processes: what customers do not see any more, and what still is left behind."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, findings, found
from tests.end_to_end.test_chain import orders_of, reservations, shelf_is_locked
from tests.end_to_end.test_chain_breaker import NO_KAFKA, REPEATED, SLOW, figure, statuses
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    """The training text's slowness, and its limit."""
    async with opened("chain-retry", 1, SHOP_CALL_LIMIT_MS="610", **SLOW, **NO_KAFKA) as shop:
        yield shop


async def test_the_labs_failures_are_not_seen_by_customers(shop: RunningShop) -> None:
    async def some_failed() -> bool:
        answers = await statuses(shop, 20)
        assert set(answers) <= {201, 504}, answers
        return answers[201] >= 18 and await figure(shop, "orders", REPEATED) > 0

    await eventually(some_failed, within=150)


async def test_nobody_is_asked_when_the_customer_waits_no_longer(shop: RunningShop) -> None:
    headers = {"X-Deadline-Ms": "1"}
    status, problem = await shop.post(
        "orders", "/orders", {"productId": 2, "quantity": 1, "customerId": "gone"}, **headers
    )
    assert (status, problem["status"]) == (504, 504)
    assert await orders_of(shop, "gone") == []


async def test_work_that_was_begun_for_an_order_that_is_rejected_is_left_behind_and_the_audit_names_it(
    shop: RunningShop,
) -> None:
    """The first attempt waits inside products' database when its time is up; those behind it are not begun."""
    number = await shop.product(stock=10)
    before = found(await shop.audit())

    async with shelf_is_locked(shop, number):
        status, problem = await shop.place(number, 3)
        assert await reservations(shop, problem["orderId"]) == []
    await shop.stock_becomes(number, 7)

    assert status == 504
    order = await shop.get("orders", f"/orders/{problem['orderId']}")
    assert order["status"] == "rejected"
    assert found(await shop.audit()) - before == {("rejected, cancelled: no stock held", order["id"])}
    assert await figure(shop, "products", "calls_unawaited_total") > 0
    assert findings(await shop.audit()) != []
