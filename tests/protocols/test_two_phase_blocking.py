"""What two-phase commit costs, and what it cannot prevent: locks while in doubt, places for prepared transactions, the
reader between two commits, and a finish by hand."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from kit.ids import new_id
from lab.watching.prepared import prepared_transactions
from tests.protocols.stand import Stand, findings, notices
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_doubt(two_phase: Stand) -> AsyncIterator[tuple[Stand, int]]:
    """The coordinator has died with all votes in its hands, and stays away; the product that the order was for."""
    product = await two_phase.product(stock=10)
    await two_phase.start("orders", CRASH_AT="2pc.coordinator.voted")
    assert await two_phase.order(product, 3) is None
    await two_phase.died("orders")
    yield two_phase, product
    await two_phase.start("orders")


async def test_without_its_coordinator_nobody_decides_and_what_is_in_doubt_can_be_seen(
    in_doubt: tuple[Stand, int],
) -> None:
    stand, product = in_doubt

    async def asked_in_vain() -> bool:
        return await stand.metric("products", "two_phase_in_doubt_oldest_seconds") > 2.5

    await eventually(asked_in_vain, within=60, every=0.1)

    assert [len(names) for names in (await stand.prepared()).values()] == [1, 1, 1]
    [held] = await prepared_transactions(stand.sql["products"], "products")
    assert held["name"].startswith("shop-2pc-products-")
    assert held["age_seconds"] > 2
    assert held["rows"] == [f"product {product}"]
    assert {"products RowExclusiveLock", "reservations RowExclusiveLock"} <= set(held["locks"])
    assert set(findings(await stand.audit())) == {"no transaction left prepared", "quiet within 5 s"}


async def test_whoever_needs_what_is_in_doubt_is_refused_after_the_lock_time_out_and_that_is_counted(
    in_doubt: tuple[Stand, int],
) -> None:
    stand, product = in_doubt

    answer = await stand.post("products", f"/products/{product}/stock/increase", {"quantity": 5})

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:locked")
    assert answer.headers["retry-after"] == "1"
    assert await stand.metric("products", 'two_phase_refused_total{reason="lock"}') == 1
    assert (await stand.get("products", f"/products/{product}")).json()["stock"] == 10


async def test_one_place_for_a_prepared_transaction_is_taken_until_it_is_decided(in_doubt: tuple[Stand, int]) -> None:
    stand, _ = in_doubt
    await stand.start("products", PREPARED_LIMIT="1")
    other = await stand.product(stock=10)

    async def noticed() -> bool:
        return await stand.metric("products", "two_phase_in_doubt ") == 1

    await eventually(noticed, within=60, every=0.05)
    wish = {"transactionId": str(new_id()), "orderId": str(new_id()), "productId": other, "quantity": 1}
    answer = await stand.post("products", "/participant/prepared/reservations", wish)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:too-many-prepared")
    assert await stand.metric("products", 'two_phase_refused_total{reason="admission"}') == 1
    await stand.start("products")


async def test_the_coordinator_that_comes_back_ends_it_for_everyone(in_doubt: tuple[Stand, int]) -> None:
    stand, product = in_doubt
    await stand.start("orders")
    await stand.finished()

    assert await stand.of_product(product) == {"orders": [], "products": [], "delivery": []}
    assert await stand.stock(product) == 10
    assert findings(await stand.audit()) == {}


async def test_orders_beyond_the_places_or_behind_a_locked_row_are_503_and_leave_nothing(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)
    await two_phase.start("orders", PREPARED_LIMIT="1")
    holder = await asyncpg.connect(two_phase.urls["products"])
    await holder.execute("BEGIN")
    await holder.execute("SELECT 1 FROM products WHERE id = $1 FOR UPDATE", product)

    answers = [answer for answer in await asyncio.gather(*(two_phase.order(product) for _ in range(8))) if answer]
    await holder.close()

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["type"].rpartition(":")[2] for answer in answers} == {"locked", "too-many-prepared"}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert await two_phase.metric("orders", 'two_phase_refused_total{reason="admission"}') >= 1
    assert await two_phase.of_product(product) == {"orders": [], "products": [], "delivery": []}
    await two_phase.start("orders")


async def test_a_burst_for_one_product_is_taken_one_after_the_other_without_overselling(two_phase: Stand) -> None:
    product = await two_phase.product(stock=10)

    answers = [answer for answer in await asyncio.gather(*(two_phase.order(product) for _ in range(40))) if answer]

    confirmed = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert await two_phase.stock(product) == 10 - len(confirmed)
    await two_phase.finished()
    assert findings(await two_phase.audit()) == {}


async def test_between_two_commits_a_reader_sees_half_an_order(two_phase: Stand) -> None:
    """delivery dies with the coordinator's commit in its hands, so that the moment between lasts."""
    product = await two_phase.product(stock=10)
    await two_phase.start("delivery", CRASH_AT="2pc.participant.finishing")

    answer = await two_phase.order(product, 3)
    await two_phase.died("delivery")

    assert answer is not None
    assert answer.status_code == 201
    order = answer.json()["id"]
    assert await two_phase.of_product(product) == {"orders": ["confirmed"], "products": ["reserved"], "delivery": []}
    assert await two_phase.stock(product) == 7
    seen = findings(await two_phase.audit())
    assert seen["confirmed: exactly one delivery"] == [order]
    assert len(seen["no transaction left prepared"]) == 1

    await two_phase.start("delivery")
    await two_phase.finished()
    assert findings(await two_phase.audit()) == {}


async def test_a_finish_by_hand_against_the_decision_is_what_the_audit_and_the_coordinator_say(
    two_phase: Stand,
) -> None:
    """The heuristic outcome: an operator who could not wait for the locks rolls back what was decided to be committed.
    Nothing repairs that; it is told."""
    product = await two_phase.product(stock=10)
    await two_phase.start("delivery", CRASH_AT="2pc.participant.finishing")
    answer = await two_phase.order(product, 3)
    await two_phase.died("delivery")
    [name] = (await two_phase.prepared())["delivery"]

    await two_phase.sql["delivery"].execute(f"ROLLBACK PREPARED '{name}'")
    await two_phase.start("delivery")
    await two_phase.finished()

    assert answer is not None
    order = answer.json()["id"]
    query = "SELECT order_id::text, impossible_at FROM two_phase_decisions WHERE impossible_at IS NOT NULL"
    assert [tuple(row) for row in await two_phase.sql["orders"].fetch(query)] == [(order, "delivery")]
    assert await two_phase.metric("orders", 'two_phase_heuristic_total{where="delivery"}') == 1
    result = await two_phase.audit()
    assert findings(result) == {"confirmed: exactly one delivery": [order]}
    assert notices(result) == {"decisions that a participant contradicts": ["commit, but not at delivery"]}
