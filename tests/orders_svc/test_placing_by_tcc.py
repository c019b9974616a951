"""POST /orders and cancelling in the wiring ``tcc``: what is asked, what is logged, what the customer is told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from orders_svc.settings import OrdersSettings
from tests.orders_svc.conftest import Start
from tests.orders_svc.downstream import answering, free_port, refusing
from tests.orders_svc.participants import Participant, after, running_participant
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 3, "customerId": "c-42", "customerName": "Kim", "address": "Seoul"}
EXPIRED = refusing(410, "try-expired", "the try expired")
GONE = refusing(503, "unavailable", "not now")


@pytest.fixture
async def products() -> AsyncIterator[Participant]:
    async with running_participant() as server:
        yield server


@pytest.fixture
async def delivery() -> AsyncIterator[Participant]:
    async with running_participant() as server:
        yield server


@pytest.fixture
async def orders(start: Start, products: Participant, delivery: Participant) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody goes on with what it has begun before a minute has passed, unless a test says that it is due."""
    async with start(
        wiring="tcc",
        products_url=products.url,
        delivery_url=delivery.url,
        call_deadline_seconds=60,
        try_seconds=90,
    ) as running:
        yield running.client


async def status_of(sql: Any, order_id: object) -> str:
    return str(await sql.fetchval("SELECT status FROM orders WHERE id = $1", UUID(str(order_id))))


async def logged(sql: Any) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in await sql.fetch("SELECT phase, heuristic FROM tcc_transactions")]


async def is_due(sql: Any) -> None:
    """Whoever began it is taken for dead."""
    await sql.execute("UPDATE tcc_transactions SET due_at = now() - $1::interval", timedelta(seconds=1))


async def settles(sql: Any, order_id: object, status: str) -> None:
    async def has() -> bool:
        return await status_of(sql, order_id) == status

    await eventually(has, within=60)


async def test_both_are_tried_then_both_confirmed_and_nothing_is_left_in_the_log(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    answer = await orders.post("/orders", json=ORDER)
    order = answer.json()
    assert (answer.status_code, order["status"], order["amount"]) == (201, "confirmed", 60_000)
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert (products.asked, delivery.asked) == (["try", "confirm"], ["try", "confirm"])
    assert products.bodies[0] == {"orderId": order["id"], "productId": 2, "quantity": 3, "expiresInSeconds": 90}
    assert delivery.bodies[0] == products.bodies[0] | {
        "productName": "MASK",
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "Seoul",
    }
    assert {trace.split("-")[1] for trace in products.traces if trace} == {UUID(order["id"]).hex}
    assert await logged(sql) == []
    assert await sql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_the_order_and_its_log_are_there_before_anybody_is_asked_and_the_decision_before_anybody_is_told(
    orders: httpx.AsyncClient, products: Participant, sql: Any
) -> None:
    seen: list[Any] = []

    async def look(_request: Request) -> Response:
        seen.append((await sql.fetchval("SELECT status FROM orders"), await logged(sql)))
        return await answering(200, {})(_request)

    products.behaves |= {"try": look, "confirm": look}
    await orders.post("/orders", json=ORDER)
    assert seen == [("pending", [("trying", None)]), ("pending", [("confirming", None)])]


@pytest.mark.parametrize("refused_by", ["products", "delivery"])
async def test_a_refused_try_rejects_the_order_and_cancels_the_other(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any, refused_by: str
) -> None:
    one, other = (products, delivery) if refused_by == "products" else (delivery, products)
    one.behaves["try"] = refusing(409, "out-of-stock", "out of stock")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-rejected")
    assert answer.json()["detail"] == "out of stock"
    assert (one.asked, other.asked) == (["try"], ["try", "cancel"])
    assert await logged(sql) == []


@pytest.mark.parametrize(("answered", "told"), [(500, 502), (503, 503), (504, 504)])
async def test_a_try_without_an_answer_is_cancelled_too_because_nobody_knows_whether_it_came(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any, answered: int, told: int
) -> None:
    delivery.behaves["try"] = refusing(answered, "internal", "it may have been written")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (told, "urn:shop:problem:link-failed")
    assert (products.asked, delivery.asked) == (["try", "cancel"], ["try", "cancel"])
    order = (await orders.get(answer.headers["location"])).json()
    assert order["status"] == "rejected"
    assert order["reason"].startswith("a service could not be tried: ")
    assert await logged(sql) == []


async def test_without_products_there_is_no_order_at_all(start: Start, sql: Any) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with start(wiring="tcc", products_url=nowhere, delivery_url=nowhere) as running:
        answer = await running.client.post("/orders", json=ORDER, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:shop:problem:link-failed")
    for table in ("orders", "tcc_transactions", "idempotency_keys"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_confirmation_without_an_answer_is_accepted_and_repeated_until_there_is_one(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    delivery.behaves["confirm"] = GONE
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert await logged(sql) == [("confirming", None)]
    await is_due(sql)
    await eventually(lambda: delivery.asked.count("confirm") >= 3, within=60)
    assert await status_of(sql, answer.json()["id"]) == "pending"
    delivery.behaves["confirm"] = answering(200, {})
    await settles(sql, answer.json()["id"], "confirmed")
    assert await logged(sql) == []


async def test_a_cancellation_without_an_answer_is_repeated_until_there_is_one(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    delivery.behaves |= {"try": GONE, "cancel": GONE}
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, await logged(sql)) == (503, [("cancelling", None)])
    delivery.behaves["cancel"] = answering(200, {})
    await is_due(sql)
    await settles(sql, answer.json()["orderId"], "rejected")
    assert await logged(sql) == []


async def test_a_customer_who_waits_gets_the_outcome_that_a_sweep_brings(
    orders: httpx.AsyncClient, delivery: Participant, sql: Any
) -> None:
    delivery.behaves["confirm"] = GONE
    asked = asyncio.create_task(orders.post("/orders", json=ORDER, headers={"Prefer": "wait=30"}))
    await eventually(lambda: "confirm" in delivery.asked)
    delivery.behaves["confirm"] = answering(200, {})

    async def answered() -> bool:
        await is_due(sql)
        return asked.done()

    await eventually(answered, within=60, every=0.1)
    answer = await asked
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")


@pytest.mark.parametrize(
    ("products_says", "delivery_says", "kind"),
    [
        (EXPIRED, EXPIRED, "rollback"),
        (answering(200, {}), EXPIRED, "mixed"),
        (refusing(404, "unknown-try", "nothing was tried"), answering(200, {}), "mixed"),
        (EXPIRED, GONE, "hazard"),
    ],
    ids=["both expired", "delivery expired", "products has lost it", "expired, no answer"],
)
async def test_a_decision_that_a_participant_has_not_carried_out_is_told_as_what_it_is_and_undone_as_a_whole(
    orders: httpx.AsyncClient,
    products: Participant,
    delivery: Participant,
    sql: Any,
    products_says: Any,
    delivery_says: Any,
    kind: str,
) -> None:
    products.behaves["confirm"], delivery.behaves["confirm"] = products_says, delivery_says
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-rejected")
    assert answer.json()["detail"].startswith(f"heuristic {kind}: decided was confirming, but products: ")
    assert (products.asked[-1], delivery.asked[-1]) == ("undo", "undo")
    assert await logged(sql) == [("heuristic", kind)]
    metrics = (await orders.get("/metrics")).text
    assert f'tcc_heuristics_total{{kind="{kind}"}}' in metrics
    await is_due(sql)
    again = await orders.post("/orders", json=ORDER | {"quantity": 1})
    assert again.status_code == 409
    assert products.asked.count("undo") == 2, "a closed one is not taken up again"


async def test_a_participant_that_somebody_has_confirmed_by_hand_is_undone_when_cancel_was_decided(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    delivery.behaves["try"] = GONE
    products.behaves["cancel"] = refusing(409, "try-confirmed", "the order has its stock for good")
    answer = await orders.post("/orders", json=ORDER)
    assert answer.status_code == 503
    order = (await orders.get(answer.headers["location"])).json()
    assert order["status"] == "rejected"
    assert order["reason"].startswith("heuristic mixed: decided was cancelling, but products: the order has its stock")
    assert (products.asked[-1], delivery.asked[-1]) == ("undo", "undo")


async def test_an_undoing_that_gets_no_answer_goes_on_until_it_has_one(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    delivery.behaves["confirm"] = EXPIRED
    products.behaves["undo"] = GONE
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, await logged(sql)) == (202, [("compensating", "mixed")])
    products.behaves["undo"] = answering(200, {})
    await is_due(sql)
    await settles(sql, answer.json()["id"], "rejected")
    assert await logged(sql) == [("heuristic", "mixed")]
    assert products.asked.count("confirm") == 1


async def test_an_order_whose_goods_were_handed_over_stands_whatever_products_has_done(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    products.behaves["confirm"] = EXPIRED
    delivery.behaves["undo"] = refusing(409, "delivered", "delivered already")
    answer = await orders.post("/orders", json=ORDER)
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    assert await logged(sql) == [("heuristic", "mixed")]
    assert "undo" not in products.asked


async def test_a_transaction_in_which_nothing_was_decided_is_cancelled_by_the_sweep_and_its_late_decision_is_void(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    """The coordinator was not dead, only slow: it does not confirm what was cancelled."""
    release = asyncio.Event()
    delivery.behaves["try"] = after(release, answering(200, {}))
    asked = asyncio.create_task(orders.post("/orders", json=ORDER))
    await eventually(lambda: "try" in delivery.asked and "try" in products.asked)
    await is_due(sql)
    await eventually(lambda: sql.fetchval("SELECT status = 'rejected' FROM orders"), within=60)
    release.set()
    answer = await asked
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-rejected")
    assert answer.json()["detail"] == "the coordinator stopped before it had decided"
    assert (products.asked, delivery.asked) == (["try", "cancel"], ["try", "cancel"])


async def test_a_customer_who_cancels_while_it_is_tried_is_faster_than_the_decision(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    release = asyncio.Event()
    delivery.behaves["try"] = after(release, answering(200, {}))
    asked = asyncio.create_task(orders.post("/orders", json=ORDER))
    order_id = str(await eventually(lambda: sql.fetchval("SELECT id FROM orders")))
    await eventually(lambda: "try" in delivery.asked and "try" in products.asked)
    cancelled = await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    release.set()
    answer = await asked
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["reason"] == "changed my mind"
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:order-cancelled")
    for participant in (products, delivery):
        tried, *told = participant.asked
        assert (tried, set(told)) == ("try", {"cancel"}), "on a slow machine the sweep tells it once more"
    assert await logged(sql) == []
    assert (await orders.post(f"/orders/{order_id}/cancel")).status_code == 409


async def test_cancelling_while_it_is_tried_without_an_answer_stays_cancelling_until_there_is_one(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    release = asyncio.Event()
    delivery.behaves |= {"try": after(release, answering(200, {})), "cancel": GONE}
    asked = asyncio.create_task(orders.post("/orders", json=ORDER))
    order_id = str(await eventually(lambda: sql.fetchval("SELECT id FROM orders")))
    await eventually(lambda: "try" in delivery.asked)
    for _ in range(2):
        failed = await orders.post(f"/orders/{order_id}/cancel")
        assert (failed.status_code, failed.json()["type"]) == (503, "urn:shop:problem:cancellation-unanswered")
    assert await status_of(sql, order_id) == "cancelling"
    release.set()
    assert (await asked).json()["status"] == "cancelling"
    delivery.behaves["cancel"] = answering(200, {})
    await is_due(sql)
    await settles(sql, order_id, "cancelled")


async def test_a_confirmed_order_is_undone_by_asking_delivery_then_products(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    answer = await orders.post(f"/orders/{order_id}/cancel", json={"reason": "changed my mind"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert (products.asked[2:], delivery.asked[2:]) == (["undo"], ["undo"])
    again = await orders.post(f"/orders/{order_id}/cancel")
    assert (again.status_code, again.json()["orderStatus"]) == (409, "cancelled")


async def test_delivery_that_has_handed_the_goods_over_refuses_and_the_stock_stays_taken(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant
) -> None:
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    delivery.behaves["undo"] = refusing(409, "delivered", "delivered already")
    answer = await orders.post(f"/orders/{order_id}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:cannot-cancel")
    order = (await orders.get(f"/orders/{order_id}")).json()
    assert (order["status"], order["cancellationRefused"]) == ("confirmed", "delivered already")
    assert "undo" not in products.asked


async def test_an_undoing_of_a_confirmed_order_that_gets_no_answer_is_taken_up_again(
    start: Start, products: Participant, delivery: Participant, sql: Any
) -> None:
    urls = {"products_url": products.url, "delivery_url": delivery.url}
    async with start(wiring="tcc", pending_timeout_seconds=1, **urls) as running:
        order_id = (await running.client.post("/orders", json=ORDER)).json()["id"]
        products.behaves["undo"] = GONE
        failed = await running.client.post(f"/orders/{order_id}/cancel")
        assert failed.status_code == 503
        assert await status_of(sql, order_id) == "cancelling"
        products.behaves["undo"] = answering(200, {})
        await sql.execute("UPDATE orders SET placed_at = placed_at - interval '1 min', changed_at = placed_at")
        await settles(sql, order_id, "cancelled")


async def test_an_order_that_is_being_confirmed_is_confirmed_before_it_is_undone(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    delivery.behaves["confirm"] = GONE
    order_id = (await orders.post("/orders", json=ORDER)).json()["id"]
    failed = await orders.post(f"/orders/{order_id}/cancel")
    assert (failed.status_code, failed.json()["type"]) == (503, "urn:shop:problem:unavailable")
    assert await status_of(sql, order_id) == "pending"
    delivery.behaves["confirm"] = answering(200, {})
    cancelled = await orders.post(f"/orders/{order_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (products.asked[-1], delivery.asked[-1]) == ("undo", "undo")


async def test_an_unknown_order_cannot_be_cancelled(orders: httpx.AsyncClient) -> None:
    answer = await orders.post(f"/orders/{UUID(int=7)}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:shop:problem:unknown-order")


async def test_a_repeated_key_gets_the_same_order_and_nobody_is_asked_again(
    orders: httpx.AsyncClient, products: Participant, sql: Any
) -> None:
    answers = [await orders.post("/orders", json=ORDER, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert products.asked == ["try", "confirm"]
    other = await orders.post("/orders", json=ORDER | {"quantity": 4}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 422


async def test_orders_at_the_same_moment_are_written_together_and_end_each_for_itself(
    orders: httpx.AsyncClient, products: Participant, delivery: Participant, sql: Any
) -> None:
    async def by_quantity(request: Request) -> Response:
        quantity = (await request.json())["quantity"]
        behaviour = (answering(200, {}), refusing(409, "out-of-stock", "none left"), GONE)[quantity % 3]
        return await behaviour(request)

    products.behaves["try"] = by_quantity
    answers = await asyncio.gather(*(orders.post("/orders", json=ORDER | {"quantity": n}) for n in range(1, 31)))
    assert [answer.status_code for answer in answers] == [409, 503, 201] * 10
    rows = await sql.fetch("SELECT quantity % 3 AS kind, status, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1")
    assert [tuple(row) for row in rows] == [(0, "confirmed", 10), (1, "rejected", 10), (2, "rejected", 10)]
    assert await logged(sql) == []


async def test_no_database_connection_is_held_while_a_participant_is_slow(
    start: Start, products: Participant, delivery: Participant
) -> None:
    release = asyncio.Event()
    delivery.behaves["try"] = after(release, answering(200, {}))
    urls = {"products_url": products.url, "delivery_url": delivery.url}
    settings = {"database_pool": 2, "call_deadline_seconds": 60, "try_seconds": 90}
    async with start(wiring="tcc", **settings, **urls) as running:
        hung = [asyncio.create_task(running.client.post("/orders", json=ORDER)) for _ in range(10)]
        await eventually(lambda: delivery.asked.count("try") == 10)
        async with asyncio.timeout(10):
            page = (await running.client.get("/orders")).json()
        assert [item["status"] for item in page["items"]] == ["pending"] * 10
        release.set()
        assert {(await request).status_code for request in hung} == {201}


async def test_two_replicas_share_what_is_left_and_each_of_it_is_finished_once(
    start: Start, products: Participant, delivery: Participant, sql: Any
) -> None:
    """More than a sweep takes up at a time."""
    urls = {"products_url": products.url, "delivery_url": delivery.url}
    patience = {"call_deadline_seconds": 60, "try_seconds": 90}  # 150 at a time take long on a busy machine
    delivery.behaves["confirm"] = GONE
    async with start(wiring="tcc", **patience, **urls) as one:
        await asyncio.gather(*(one.client.post("/orders", json=ORDER) for _ in range(150)))
        await sql.execute("UPDATE tcc_transactions SET due_at = now() + interval '1 hour'")
        delivery.behaves["confirm"] = answering(200, {})
        async with start(wiring="tcc", **urls):  # what was decided is due when a coordinator starts
            await eventually(lambda: sql.fetchval("SELECT count(*) = 0 FROM tcc_transactions"), within=60)
    assert [tuple(row) for row in await sql.fetch("SELECT status, count(*) FROM orders GROUP BY 1")] == [
        ("confirmed", 150)
    ]


def test_a_try_must_outlive_a_call() -> None:
    with pytest.raises(ValidationError, match="SHOP_TRY_SECONDS"):
        OrdersSettings(
            database_url="postgresql://nobody@127.0.0.1:9/none", wiring="tcc", try_seconds=3, call_deadline_seconds=3
        )
    assert (
        OrdersSettings(
            database_url="postgresql://nobody@127.0.0.1:9/none", try_seconds=3, call_deadline_seconds=3
        ).wiring
        == "events"
    )
