"""Two-phase commit on real processes and a real PostgreSQL: all or nothing, whoever dies when."""

import asyncio
import uuid

import pytest

from kit.two_phase import CRASH_POINTS as PARTICIPANT_POINTS
from orders_svc.two_phase import CRASH_POINTS as COORDINATOR_POINTS
from tests.campaigning import first_and_last
from tests.protocols.stand import Stand, calls_of_trace, findings

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING: dict[str, list[str]] = {"orders": [], "products": [], "delivery": []}
ALL = {"orders": ["confirmed"], "products": ["reserved"], "delivery": ["started"]}
REJECTED = {"orders": ["rejected"], "products": [], "delivery": []}
AFTER_THE_DECISION = {
    "2pc.coordinator.decided",
    "2pc.coordinator.committed-once",
    "2pc.coordinator.committed",
}


async def test_an_order_is_in_all_three_databases_when_the_customer_is_answered(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)

    answer = await two_phase.order(product, 3)

    assert answer is not None
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    assert await two_phase.of_product(product) == ALL
    assert await two_phase.stock(product) == 7
    assert await two_phase.prepared() == NOTHING


@pytest.mark.parametrize(("quantity", "end"), [(3, "commit"), (11, "rollback")])
async def test_the_orders_trace_goes_through_both_phases(two_phase: Stand, quantity: int, end: str) -> None:
    product, trace = await two_phase.product(stock=10), uuid.uuid4().hex

    await two_phase.order(product, quantity, traceparent=f"00-{trace}-{'1' * 16}-01")

    prefix = "POST /participant/prepared"
    shown, *asked = calls_of_trace(two_phase, trace)
    assert shown == ("products", f"GET /products/{product}")
    assert set(asked[:2]) == {("products", f"{prefix}/reservations"), ("delivery", f"{prefix}/deliveries")}
    assert set(asked[2:]) == {("products", f"{prefix}/{end}"), ("delivery", f"{prefix}/{end}")}


async def test_too_little_stock_rejects_the_order_and_leaves_nothing_elsewhere(two_phase: Stand) -> None:
    product = await two_phase.product(stock=2)

    answer = await two_phase.order(product, 3)

    assert answer is not None
    assert (answer.status_code, answer.json()["detail"]) == (409, "out of stock")
    assert await two_phase.of_product(product) == REJECTED
    assert await two_phase.stock(product) == 2


async def test_cancelling_undoes_it_in_all_three_databases(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)
    answer = await two_phase.order(product, 3)
    assert answer is not None

    cancelled = await two_phase.post("orders", f"/orders/{answer.json()['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert await two_phase.of_product(product) == {
        "orders": ["cancelled"],
        "products": ["released"],
        "delivery": ["cancelled"],
    }
    assert await two_phase.stock(product) == 10


async def test_an_order_that_was_delivered_is_not_cancelled_and_keeps_its_stock(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)
    answer = await two_phase.order(product, 3)
    assert answer is not None
    order = answer.json()["id"]
    [delivery] = (await two_phase.get("delivery", f"/deliveries?orderId={order}")).json()["items"]
    await two_phase.post("delivery", f"/deliveries/{delivery['deliveryId']}/complete")

    refused = await two_phase.post("orders", f"/orders/{order}/cancel")

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:problem:cannot-cancel")
    assert (await two_phase.get("orders", f"/orders/{order}")).json()["cancellationRefused"] == "delivered already"
    assert await two_phase.of_product(product) == ALL | {"delivery": ["completed"]}


async def test_the_same_key_places_one_order(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)

    answers = await asyncio.gather(*(two_phase.order(product, 1, **{"Idempotency-Key": f"k{product}"}) for _ in "123"))

    placed = {answer.json()["id"] for answer in answers if answer is not None and answer.status_code == 201}
    assert len(placed) == 1
    assert await two_phase.of_product(product) == ALL


async def test_so_far_the_books_are_right(two_phase: Stand) -> None:
    assert findings(await two_phase.audit()) == {}


@pytest.mark.parametrize("point", first_and_last(COORDINATOR_POINTS))
async def test_a_coordinator_that_dies_leaves_all_or_nothing_once_it_is_back(two_phase: Stand, point: str) -> None:
    stock = 0 if point == "2pc.coordinator.aborting" else 10
    product = await two_phase.product(stock=stock)
    await two_phase.start("orders", CRASH_AT=point)

    assert await two_phase.order(product) is None
    await two_phase.died("orders")
    await two_phase.start("orders")
    await two_phase.finished()

    assert await two_phase.of_product(product) == (ALL if point in AFTER_THE_DECISION else NOTHING)
    assert findings(await two_phase.audit()) == {}


@pytest.mark.parametrize("service", ["orders", "products", "delivery"])
@pytest.mark.parametrize("point", first_and_last(PARTICIPANT_POINTS))
async def test_a_participant_that_dies_leaves_all_or_nothing_once_it_is_back(
    two_phase: Stand, service: str, point: str
) -> None:
    """A vote that was never heard aborts; from the decision on there is only forward."""
    product = await two_phase.product(stock=10)
    await two_phase.start(service, CRASH_AT=point)

    answer = await two_phase.order(product)
    await two_phase.died(service)
    await two_phase.start(service)
    await two_phase.finished()

    if point == "2pc.participant.prepared":
        assert await two_phase.of_product(product) == (NOTHING if service == "orders" else REJECTED)
        assert answer is None if service == "orders" else answer is not None and answer.status_code == 503
    else:
        assert await two_phase.of_product(product) == ALL
        assert answer is None if service == "orders" else answer is not None and answer.status_code == 201
    assert findings(await two_phase.audit()) == {}
