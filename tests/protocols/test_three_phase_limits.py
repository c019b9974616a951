"""Where three-phase commit goes wrong: with time-outs alone after one crash, and in a partition whatever the rules."""

from contextlib import AsyncExitStack

import httpx
import pytest

from kit.ids import new_id
from lab.audit import Audit
from tests.protocols.stand import Stand, findings, notices
from tests.protocols.wire import wire
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def state(stand: Stand, service: str, order: str) -> str | None:
    query = "SELECT state FROM three_phase_transactions WHERE order_id = $1"
    found: str | None = await stand.sql[service].fetchval(query, order)
    return found


async def becomes(stand: Stand, service: str, order: str, expected: str) -> None:
    async def is_so() -> bool:
        return await state(stand, service, order) == expected

    await eventually(is_so, within=60, every=0.05)


async def newest_order(stand: Stand) -> str:
    return str(await stand.sql["orders"].fetchval("SELECT id FROM orders ORDER BY id DESC LIMIT 1"))


async def contradicted(stand: Stand) -> dict[str, str]:
    """Orders that somebody has ended the other way, and who."""
    query = "SELECT order_id::text, contradicted_by FROM three_phase_coordination WHERE contradicted_by IS NOT NULL"
    return {row["order_id"]: row["contradicted_by"] for row in await stand.sql["orders"].fetch(query)}


async def is_contradicted(stand: Stand, order: str, by: str) -> None:
    async def is_so() -> bool:
        return (await contradicted(stand)).get(order) == by

    await eventually(is_so, within=60, every=0.05)


def found(result: Audit, order: str) -> set[str]:
    """The rules that do not hold for that order."""
    return {rule for rule, things in findings(result).items() if order in things}


async def test_by_time_outs_alone_a_crash_between_two_pre_commits_splits_the_order(three_phase: Stand) -> None:
    """products was told to pre-commit and commits, delivery was not and aborts; no message was lost."""
    product = await three_phase.product(stock=10)
    for service in ("products", "delivery"):
        await three_phase.start(service, THREE_PHASE_TERMINATION="timeouts")
    await three_phase.start("orders", CRASH_AT="3pc.coordinator.pre-committed-once")

    assert await three_phase.order(product, 3) is None
    await three_phase.died("orders")
    order = await newest_order(three_phase)
    await becomes(three_phase, "products", order, "committed")
    await becomes(three_phase, "delivery", order, "aborted")

    await three_phase.start("orders")
    await is_contradicted(three_phase, order, "products")
    assert found(await three_phase.audit(), order) == {"rejected, cancelled: no stock held"}
    for service in ("products", "delivery"):
        await three_phase.start(service)


async def test_the_same_crash_splits_nothing_when_they_ask_each_other_first(three_phase: Stand) -> None:
    product = await three_phase.product(stock=10)
    await three_phase.start("orders", CRASH_AT="3pc.coordinator.pre-committed-once")

    assert await three_phase.order(product, 3) is None
    await three_phase.died("orders")
    order = await newest_order(three_phase)
    await becomes(three_phase, "products", order, "committed")
    await becomes(three_phase, "delivery", order, "committed")

    await three_phase.start("orders")
    await eventually(lambda: _confirmed(three_phase, order), within=60)
    assert found(await three_phase.audit(), order) == set()


async def test_a_partition_before_the_second_pre_commit_splits_the_order_in_spite_of_asking(
    three_phase: Stand,
) -> None:
    """delivery is cut off from everybody when its pre-commit is on the way. The others go on without it, because it has
    voted yes; it goes on without them, because nobody answers that they know more. Each takes the other for stopped."""
    product = await three_phase.product(stock=10)
    async with AsyncExitStack() as stack:
        ports = three_phase.ports
        from_orders = await stack.enter_async_context(wire(ports["delivery"]))
        from_products = await stack.enter_async_context(wire(ports["delivery"]))
        to_products = await stack.enter_async_context(wire(ports["products"]))
        to_orders = await stack.enter_async_context(wire(ports["orders"]))
        around_delivery = (from_orders, from_products, to_products, to_orders)

        def isolate(piece: bytes) -> None:
            if b"/pre-commit" in piece:
                for line in around_delivery:
                    line.cut()

        from_orders.watch = isolate
        told = {"CALL_DEADLINE_SECONDS": "0.5"}
        await three_phase.start("orders", DELIVERY_URL=f"http://127.0.0.1:{from_orders.port}", **told)
        await three_phase.start("products", DELIVERY_URL=f"http://127.0.0.1:{from_products.port}", **told)
        await three_phase.start(
            "delivery",
            PRODUCTS_URL=f"http://127.0.0.1:{to_products.port}",
            ORDERS_URL=f"http://127.0.0.1:{to_orders.port}",
            **told,
        )

        answer = await three_phase.order(product, 3)
        assert answer is not None
        assert answer.status_code == 201
        order = answer.json()["id"]
        await becomes(three_phase, "products", order, "committed")
        await becomes(three_phase, "delivery", order, "aborted")
        from_orders.watch = lambda _piece: None
        for line in around_delivery:
            line.mend()

        await is_contradicted(three_phase, order, "delivery")
        assert await three_phase.metric("orders", 'three_phase_contradicted_total{participant="delivery"}') >= 1
        result = await three_phase.audit()
        assert found(result, order) == {"confirmed: exactly one delivery"}
        assert "committed, but not at delivery" in notices(result)["decisions that a participant contradicts"]
        for service in ports:
            await three_phase.start(service)


async def test_who_has_been_away_itself_does_not_decide_before_somebody_answers(three_phase: Stand) -> None:
    """delivery stopped after its vote. Whether the others went on it cannot know, so it waits for one of them."""
    product = await three_phase.product(stock=10)
    await three_phase.start("delivery", CRASH_AT="3pc.participant.pre-committing")
    await three_phase.start("orders", CRASH_AT="3pc.coordinator.pre-committed")
    assert await three_phase.order(product, 3) is None
    await three_phase.died("delivery")
    await three_phase.died("orders")
    order = await newest_order(three_phase)
    await becomes(three_phase, "products", order, "committed")
    await three_phase.stop("products")

    await three_phase.start("delivery")

    async def has_waited() -> bool:
        query = (
            "SELECT clock_timestamp() - changed_at > interval '3 s' FROM three_phase_transactions WHERE order_id = $1"
        )
        return bool(await three_phase.sql["delivery"].fetchval(query, order))

    await eventually(has_waited, within=60)
    assert await state(three_phase, "delivery", order) == "ready"
    await three_phase.start("products")
    await becomes(three_phase, "delivery", order, "committed")
    await three_phase.start("orders")
    await eventually(lambda: _confirmed(three_phase, order), within=60)


async def test_asking_about_an_order_that_nobody_voted_on_aborts_it_for_good(three_phase: Stand) -> None:
    order = str(new_id())

    asked = await three_phase.post("products", f"/participant/three-phase/{order}/ask", {"state": "ready"})
    late = await three_phase.post(
        "products", "/participant/three-phase/reservations", {"orderId": order, "productId": 2, "quantity": 1}
    )

    assert asked.json()["state"] == "aborted"
    assert _kind(late) == (409, "voted-already")


async def _confirmed(stand: Stand, order: str) -> bool:
    return bool((await stand.get("orders", f"/orders/{order}")).json()["status"] == "confirmed")


def _kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]
