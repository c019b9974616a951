"""Three-phase commit on real processes and a real PostgreSQL: whoever stops, the others go on, and all end the same."""

import uuid

import pytest

from kit.three_phase import CRASH_POINTS as PARTICIPANT_POINTS
from orders_svc.three_phase import CRASH_POINTS as COORDINATOR_POINTS
from tests.campaigning import first_and_last
from tests.protocols.stand import Stand, calls_of_trace, findings
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL = {"orders": ["confirmed"], "products": ["reserved"], "delivery": ["started"]}
UNDONE = {"orders": ["rejected"], "products": ["released"], "delivery": ["not_needed"]}
NEVER_ASKED = {"orders": ["rejected"], "products": [], "delivery": []}
OUT_OF_STOCK = {"orders": ["rejected"], "products": [], "delivery": ["not_needed"]}

WITHOUT_THE_COORDINATOR = {
    "3pc.coordinator.begun": NEVER_ASKED,
    "3pc.coordinator.voted": UNDONE,
    "3pc.coordinator.pre-committing": UNDONE,
    "3pc.coordinator.pre-committed-once": ALL,
    "3pc.coordinator.pre-committed": ALL,
    "3pc.coordinator.decided": ALL,
    "3pc.coordinator.committed-once": ALL,
    "3pc.coordinator.committed": ALL,
    "3pc.coordinator.aborting": OUT_OF_STOCK,
}


async def ends_as(stand: Stand, product: int, expected: dict[str, list[str]], *services: str) -> None:
    async def is_so() -> bool:
        found = await stand.of_product(product)
        return all(found[service] == expected[service] for service in services)

    try:
        await eventually(is_so, within=60, every=0.05)
    except TimeoutError:
        assert await stand.of_product(product) == expected


async def all_told(stand: Stand) -> None:
    """Nothing is undecided, and the coordinator has nothing left to tell."""
    undecided = "SELECT count(*) FROM three_phase_transactions WHERE state IN ('ready', 'pre_committed')"
    open_still = "SELECT count(*) FROM three_phase_coordination WHERE contradicted_by IS NULL"

    async def is_so() -> bool:
        left = [await stand.sql[service].fetchval(undecided) for service in ("products", "delivery")]
        return not any(left) and not await stand.sql["orders"].fetchval(open_still)

    await eventually(is_so, within=60, every=0.05)


async def test_every_step_of_the_coordinator_is_tried() -> None:
    assert set(WITHOUT_THE_COORDINATOR) == set(COORDINATOR_POINTS)


async def test_an_order_is_in_all_three_databases_when_the_customer_is_answered(three_phase: Stand) -> None:
    product = await three_phase.product(stock=10)

    answer = await three_phase.order(product, 3)

    assert answer is not None
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    assert await three_phase.of_product(product) == ALL
    assert await three_phase.stock(product) == 7


async def test_the_orders_trace_goes_through_all_three_phases(three_phase: Stand) -> None:
    product, trace = await three_phase.product(stock=10), uuid.uuid4().hex

    await three_phase.order(product, 3, traceparent=f"00-{trace}-{'1' * 16}-01")

    prefix = "POST /participant/three-phase"
    shown, *asked = calls_of_trace(three_phase, trace)
    assert shown == ("products", f"GET /products/{product}")
    assert set(asked[:2]) == {("products", f"{prefix}/reservations"), ("delivery", f"{prefix}/deliveries")}
    assert asked[2:4] == [("products", f"{prefix}/pre-commit"), ("delivery", f"{prefix}/pre-commit")]
    assert set(asked[4:]) == {("products", f"{prefix}/commit"), ("delivery", f"{prefix}/commit")}


async def test_too_little_stock_rejects_the_order(three_phase: Stand) -> None:
    product = await three_phase.product(stock=2)

    answer = await three_phase.order(product, 3)

    assert answer is not None
    assert (answer.status_code, answer.json()["detail"]) == (409, "out of stock")
    assert await three_phase.of_product(product) == OUT_OF_STOCK
    assert await three_phase.stock(product) == 2


async def test_cancelling_undoes_it_everywhere(three_phase: Stand) -> None:
    product = await three_phase.product(stock=10)
    answer = await three_phase.order(product, 3)
    assert answer is not None

    cancelled = await three_phase.post("orders", f"/orders/{answer.json()['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    expected = {"orders": ["cancelled"], "products": ["released"], "delivery": ["cancelled"]}
    assert await three_phase.of_product(product) == expected
    assert await three_phase.stock(product) == 10


async def test_so_far_the_books_are_right(three_phase: Stand) -> None:
    await all_told(three_phase)
    assert findings(await three_phase.audit()) == {}


@pytest.mark.parametrize("point", first_and_last(COORDINATOR_POINTS))
async def test_when_the_coordinator_stops_the_others_go_on_and_it_agrees_once_it_is_back(
    three_phase: Stand, point: str
) -> None:
    expected = WITHOUT_THE_COORDINATOR[point]
    product = await three_phase.product(stock=0 if point == "3pc.coordinator.aborting" else 10)
    await three_phase.start("orders", CRASH_AT=point)

    assert await three_phase.order(product) is None
    await three_phase.died("orders")
    await ends_as(three_phase, product, expected, "products", "delivery")

    await three_phase.start("orders")
    await ends_as(three_phase, product, expected, "orders")
    await all_told(three_phase)
    assert findings(await three_phase.audit()) == {}


@pytest.mark.parametrize("service", ["products", "delivery"])
@pytest.mark.parametrize("point", first_and_last(PARTICIPANT_POINTS))
async def test_a_participant_that_stops_learns_how_it_ended_once_it_is_back(
    three_phase: Stand, service: str, point: str
) -> None:
    """A vote that was never heard aborts. One that was heard commits, whether or not it could be told."""
    product = await three_phase.product(stock=10)
    await three_phase.start(service, CRASH_AT=point)

    answer = await three_phase.order(product)
    await three_phase.died(service)
    await three_phase.start(service)
    await all_told(three_phase)

    assert answer is not None
    if point == "3pc.participant.ready":
        assert (answer.status_code, await three_phase.of_product(product)) == (503, UNDONE)
    else:
        assert (answer.status_code, await three_phase.of_product(product)) == (201, ALL)
    assert findings(await three_phase.audit()) == {}
