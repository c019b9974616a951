"""Try-Confirm/Cancel with kill -9 at every step of the protocol: what the audit says afterwards is what theory says."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from delivery_svc.try_confirm import POINTS as DELIVERY_POINTS
from orders_svc.placing.tcc.coordinator import POINTS, UNDECIDED
from products_svc.try_confirm import POINTS as PRODUCTS_POINTS
from tests.campaigning import first_and_last
from tests.end_to_end.shop import findings, found
from tests.end_to_end.three_processes import ThreeProcesses, three_processes
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

AT_ONCE = {"TRY_SECONDS": 5, "CALL_DEADLINE_SECONDS": 4}
"""Told to a coordinator whose tries are to expire while the test looks on."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop(postgres_url: str) -> AsyncIterator[ThreeProcesses]:
    """Tries live much longer than a restart takes, unless a test says otherwise."""
    settings = {"TRY_SECONDS": 60, "CALL_DEADLINE_SECONDS": 3, "TRY_SWEEP_SECONDS": 0.1}
    async with three_processes("tcc", postgres_url, **settings) as shop:
        await asyncio.gather(*(shop.start(service) for service in ("orders", "products", "delivery")))
        yield shop


@pytest_asyncio.fixture(loop_scope="package")
async def scarce(shop: ThreeProcesses) -> int:
    """A product of which there are two pieces."""
    body = {"name": "LAMP", "price": 1000, "stock": 2}
    answer = await shop.http.post(f"{shop.url('products')}/products", json=body)
    number: int = answer.json()["id"]
    return number


@pytest.fixture
def customer() -> str:
    return uuid.uuid4().hex


async def states(shop: ThreeProcesses, order_id: uuid.UUID) -> tuple[str | None, str | None]:
    """Of the order's reservation and delivery."""
    reservations = await shop.rows("products", "SELECT state FROM reservations WHERE order_id = $1", order_id)
    deliveries = await shop.rows("delivery", "SELECT state FROM deliveries WHERE order_id = $1", order_id)
    return (
        reservations[0]["state"] if reservations else None,
        deliveries[0]["state"] if deliveries else None,
    )


async def logged(shop: ThreeProcesses, order_id: uuid.UUID) -> list[tuple[str, str | None]]:
    sql = "SELECT phase, heuristic FROM tcc_transactions WHERE order_id = $1"
    return [(row["phase"], row["heuristic"]) for row in await shop.rows("orders", sql, order_id)]


async def closed(shop: ThreeProcesses, order_id: uuid.UUID) -> None:
    """Waits until the coordinator has nothing left to do about the order."""

    async def is_it() -> bool:
        return all(phase == "heuristic" for phase, _ in await logged(shop, order_id))

    await eventually(is_it, within=60, every=0.05)


async def crashed(shop: ThreeProcesses, point: str, customer: str, *, product: int = 2, **settings: Any) -> Any:
    """The row of an order in which the coordinator died at the point."""
    await shop.start("orders", crash_at=point, **settings)
    assert await shop.place(customerId=customer, productId=product) is None
    await shop.died("orders")
    return await shop.order(customer)


async def expired(shop: ThreeProcesses, order_id: uuid.UUID, *, products: str, delivery: str) -> None:
    """Waits until time has made this of what the order had tried."""

    async def is_it() -> bool:
        return await states(shop, order_id) == (products, delivery)

    await eventually(is_it, within=60, every=0.05)


async def test_an_order_is_confirmed_when_the_customer_is_answered(shop: ThreeProcesses, customer: str) -> None:
    stock = await shop.stock()
    answer = await shop.place(customerId=customer)
    assert answer is not None
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    order = await shop.order(customer)
    assert await states(shop, order["id"]) == ("reserved", "started")
    assert await shop.stock() == stock - 3
    assert await logged(shop, order["id"]) == []


async def test_too_little_stock_rejects_the_order_and_cancels_the_delivery(
    shop: ThreeProcesses, customer: str, scarce: int
) -> None:
    answer = await shop.place(customerId=customer, productId=scarce)
    assert answer is not None
    assert (answer.status_code, answer.json()["detail"]) == (409, "out of stock")
    order = await shop.order(customer)
    assert (order["status"], await states(shop, order["id"])) == ("rejected", ("rejected", "cancelled"))
    assert await shop.stock(scarce) == 2


async def test_cancelling_calls_the_delivery_back_and_returns_the_stock_unless_it_was_handed_over(
    shop: ThreeProcesses, customer: str
) -> None:
    stock = await shop.stock()
    for handed_over, status, ended in ((False, 200, ("released", "cancelled")), (True, 409, ("reserved", "completed"))):
        answer = await shop.place(customerId=customer)
        assert answer is not None
        order = answer.json()["id"]
        (delivery,) = await shop.rows("delivery", "SELECT delivery_id FROM deliveries WHERE order_id = $1", order)
        if handed_over:
            await shop.http.post(f"{shop.url('delivery')}/deliveries/{delivery['delivery_id']}/complete")
        cancelled = await shop.http.post(f"{shop.url('orders')}/orders/{order}/cancel")
        assert (cancelled.status_code, await states(shop, order)) == (status, ended)
    assert await shop.stock() == stock - 3


UNDECIDED_POINTS = POINTS[: POINTS.index("tcc.confirm-logged")]
CONFIRMING = ("tcc.confirm-logged", "tcc.told-products", "tcc.told-delivery", "tcc.told", "tcc.settled")
CANCELLING = ("tcc.cancel-logged", "tcc.told-delivery", "tcc.told", "tcc.settled")


@pytest.mark.parametrize("point", first_and_last(UNDECIDED_POINTS))
async def test_a_coordinator_that_dies_before_it_has_decided_cancels_when_it_is_back(
    shop: ThreeProcesses, customer: str, point: str
) -> None:
    stock = await shop.stock()
    order = await crashed(shop, point, customer)
    assert (order["status"], await logged(shop, order["id"])) == ("pending", [("trying", None)])

    await shop.start("orders")

    order = await shop.settled(customer)
    assert (order["status"], order["reason"]) == ("rejected", UNDECIDED)
    assert set(await states(shop, order["id"])) <= {"released", "cancelled"}
    assert await shop.stock() == stock
    assert findings(await shop.audit()) == []


@pytest.mark.parametrize("point", first_and_last(CONFIRMING))
async def test_a_coordinator_that_dies_after_it_has_decided_to_confirm_confirms(
    shop: ThreeProcesses, customer: str, point: str
) -> None:
    stock = await shop.stock()
    order = await crashed(shop, point, customer)
    left = ("confirmed", []) if point == "tcc.settled" else ("pending", [("confirming", None)])
    assert (order["status"], await logged(shop, order["id"])) == left

    await shop.start("orders")

    order = await shop.settled(customer)
    assert (order["status"], await states(shop, order["id"])) == ("confirmed", ("reserved", "started"))
    assert await shop.stock() == stock - 3
    assert findings(await shop.audit()) == []


@pytest.mark.parametrize("point", first_and_last(CANCELLING))
async def test_a_coordinator_that_dies_after_it_has_decided_to_cancel_cancels(
    shop: ThreeProcesses, customer: str, scarce: int, point: str
) -> None:
    order = await crashed(shop, point, customer, product=scarce)
    left = ("rejected", []) if point == "tcc.settled" else ("pending", [("cancelling", None)])
    assert (order["status"], await logged(shop, order["id"])) == left

    await shop.start("orders")

    order = await shop.settled(customer)
    assert (order["status"], order["reason"]) == ("rejected", "out of stock")
    assert await states(shop, order["id"]) == ("rejected", "cancelled")
    assert findings(await shop.audit()) == []


async def test_what_a_dead_coordinator_leaves_is_found_while_it_is_there_and_expires_without_it(
    shop: ThreeProcesses, customer: str
) -> None:
    stock = await shop.stock()
    order = await crashed(shop, "tcc.tried", customer)
    residue = {
        ("accepted orders are settled", str(order["id"])),
        ("no reservation left in try", str(order["id"])),
        ("no transaction of the coordinator left open", str(order["id"])),
    }
    left = {one for one in found(await shop.audit(deadline=0)) if not one[0].startswith("quiet")}
    assert left == residue

    another = uuid.uuid4().hex
    await shop.start("orders")
    await shop.settled(customer)
    order = await crashed(shop, "tcc.tried", another, **AT_ONCE)
    await expired(shop, order["id"], products="expired", delivery="expired")
    assert await shop.stock() == stock, "though nobody has told the participants anything"

    await shop.start("orders")
    assert (await shop.settled(another))["status"] == "rejected"
    assert findings(await shop.audit()) == []


@pytest.mark.parametrize("point", ["", "tcc.compensation-logged", "tcc.compensated"])
async def test_a_confirmation_that_comes_after_both_tries_have_expired_is_a_heuristic_rollback(
    shop: ThreeProcesses, customer: str, point: str
) -> None:
    """Decided was to confirm; the participants had undone it by themselves: nothing is left, and it is told as such."""
    stock = await shop.stock()
    order = await crashed(shop, "tcc.confirm-logged", customer, **AT_ONCE)
    await expired(shop, order["id"], products="expired", delivery="expired")
    if point:
        await shop.start("orders", crash_at=point, wait=False)
        await shop.died("orders")
        assert await logged(shop, order["id"]) == [("compensating", "rollback")]

    await shop.start("orders")

    order = await shop.settled(customer)
    assert order["status"] == "rejected"
    assert order["reason"].startswith("heuristic rollback: decided was confirming, but products: the try expired")
    assert await logged(shop, order["id"]) == [("heuristic", "rollback")]
    assert await shop.stock() == stock
    result = await shop.audit()
    assert findings(result) == []
    (told,) = [check for check in result.checks if check.rule.startswith("heuristic outcomes")]
    assert str(order["id"]) in told.found


async def by_hand(shop: ThreeProcesses, service: str, order_id: uuid.UUID) -> None:
    """What the coordinator was about to say when it died."""
    answer = await shop.http.post(f"{shop.url(service)}/participant/tries/{order_id}/confirm")
    assert answer.status_code == 200


async def test_a_confirmation_that_reaches_only_one_side_in_time_is_mixed_and_undone_as_a_whole(
    shop: ThreeProcesses, customer: str
) -> None:
    stock = await shop.stock()
    for reached, expiring in (("products", ("reserved", "expired")), ("delivery", ("expired", "started"))):
        of = customer + reached
        order = await crashed(shop, "tcc.confirm-logged", of, **AT_ONCE)
        await by_hand(shop, reached, order["id"])
        await expired(shop, order["id"], products=expiring[0], delivery=expiring[1])

        await shop.start("orders")

        order = await shop.settled(of)
        assert order["status"] == "rejected"
        assert order["reason"].startswith("heuristic mixed: ")
        assert await logged(shop, order["id"]) == [("heuristic", "mixed")]
    assert await shop.stock() == stock
    assert findings(await shop.audit()) == []


async def test_goods_that_were_handed_over_though_their_stock_had_expired_are_what_the_audit_finds(
    postgres_url: str, customer: str
) -> None:
    """The one inconsistency that nobody can undo: it must be found, and nothing else (in a shop of its own)."""
    async with three_processes("tcc", postgres_url, TRY_SWEEP_SECONDS=0.1, **AT_ONCE) as shop:
        await asyncio.gather(shop.start("products"), shop.start("delivery"))
        order = await crashed(shop, "tcc.confirm-logged", customer)
        await by_hand(shop, "delivery", order["id"])
        (row,) = await shop.rows("delivery", "SELECT delivery_id FROM deliveries WHERE order_id = $1", order["id"])
        await shop.http.post(f"{shop.url('delivery')}/deliveries/{row['delivery_id']}/complete")
        await expired(shop, order["id"], products="expired", delivery="completed")

        await shop.start("orders")

        assert (await shop.settled(customer))["status"] == "confirmed"
        assert found(await shop.audit()) == {("confirmed: exactly one reservation", str(order["id"]))}


@pytest.mark.parametrize(("service", "point"), [("products", PRODUCTS_POINTS[0]), ("delivery", DELIVERY_POINTS[0])])
async def test_a_participant_that_dies_after_its_try_gets_the_order_cancelled(
    shop: ThreeProcesses, customer: str, service: str, point: str
) -> None:
    stock = await shop.stock()
    await shop.start(service, crash_at=point)
    answer = await shop.place(customerId=customer)
    await shop.died(service)
    assert answer is not None
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    order = await shop.order(customer)
    assert (order["status"], await logged(shop, order["id"])) == ("pending", [("cancelling", None)])
    assert set(await states(shop, order["id"])) & {"tried", "tentative"}

    await shop.start(service)

    assert (await shop.settled(customer))["status"] == "rejected"
    assert await states(shop, order["id"]) == ("released", "cancelled")
    assert await shop.stock() == stock
    assert findings(await shop.audit()) == []


@pytest.mark.parametrize(("service", "point"), [("products", PRODUCTS_POINTS[1]), ("delivery", DELIVERY_POINTS[1])])
async def test_a_participant_that_dies_after_its_confirmation_confirms_again_when_it_is_back(
    shop: ThreeProcesses, customer: str, service: str, point: str
) -> None:
    stock = await shop.stock()
    await shop.start(service, crash_at=point)
    answer = await shop.place(customerId=customer)
    await shop.died(service)
    assert answer is not None
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")

    await shop.start(service)

    order = await shop.settled(customer)
    assert (order["status"], await states(shop, order["id"])) == ("confirmed", ("reserved", "started"))
    assert await shop.stock() == stock - 3
    assert findings(await shop.audit()) == []


async def test_products_that_dies_after_its_cancellation_cancels_again_when_it_is_back(
    shop: ThreeProcesses, customer: str
) -> None:
    stock = await shop.stock()
    await shop.kill("delivery")
    await shop.start("products", crash_at=PRODUCTS_POINTS[2])
    answer = await shop.place(customerId=customer)
    await shop.died("products")
    assert answer is not None
    assert answer.status_code == 503
    assert (await shop.order(customer))["status"] == "pending"

    await asyncio.gather(shop.start("products"), shop.start("delivery"))

    order = await shop.settled(customer)
    assert (order["status"], await states(shop, order["id"])) == ("rejected", ("released", "cancelled"))
    assert await shop.stock() == stock
    assert findings(await shop.audit()) == []


async def test_delivery_that_dies_after_its_cancellation_cancels_again_when_it_is_back(
    shop: ThreeProcesses, customer: str, scarce: int
) -> None:
    await shop.start("delivery", crash_at=DELIVERY_POINTS[2])
    answer = await shop.place(customerId=customer, productId=scarce)
    await shop.died("delivery")
    assert answer is not None
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")

    await shop.start("delivery")

    order = await shop.settled(customer)
    assert (order["status"], order["reason"]) == ("rejected", "out of stock")
    assert await states(shop, order["id"]) == ("rejected", "cancelled")
    assert findings(await shop.audit()) == []


@pytest.mark.parametrize(("service", "point"), [("products", PRODUCTS_POINTS[3]), ("delivery", DELIVERY_POINTS[3])])
async def test_a_participant_that_dies_while_it_ends_a_try_leaves_it_ended(
    shop: ThreeProcesses, customer: str, service: str, point: str
) -> None:
    stock = await shop.stock()
    await shop.start(service, crash_at=point)
    order = await crashed(shop, "tcc.tried", customer, **AT_ONCE)
    await shop.died(service)

    await shop.start(service)
    await expired(shop, order["id"], products="expired", delivery="expired")
    await shop.start("orders")

    assert (await shop.settled(customer))["status"] == "rejected"
    assert await states(shop, order["id"]) == ("expired", "expired")
    assert await shop.stock() == stock
    assert findings(await shop.audit()) == []


async def test_a_coordinator_that_dies_in_the_middle_of_many_orders_finishes_every_one_of_them(
    shop: ThreeProcesses, customer: str
) -> None:
    await shop.start("orders", crash_at="tcc.told-products:20")
    answers = await asyncio.gather(*(shop.place(customerId=f"{customer}-{number}") for number in range(60)))
    await shop.died("orders")
    assert None in answers

    await shop.start("orders")

    result = await shop.audit()
    assert findings(result) == []
    sql = "SELECT status, count(*) FROM orders WHERE customer_id LIKE $1 || '-%' GROUP BY 1"
    ended = {row["status"]: row["count"] for row in await shop.rows("orders", sql, customer)}
    assert ended.keys() <= {"confirmed", "rejected"}
    assert ended["confirmed"] >= 20
