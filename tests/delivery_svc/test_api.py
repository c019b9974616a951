"""Deliveries over HTTP, in either wiring."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from events.outbox import Outbox
from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.facts import announced, cancellation_requested, placed, reserved, states
from tests.delivery_svc.test_reactions import handle


@pytest.fixture(params=["events", "chain"])
async def delivery(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring=request.param) as client:
        yield client


@pytest.fixture
async def started(outbox: Outbox, sql: Any) -> dict[str, Any]:
    """A delivery that has started; nothing is in the outbox any more."""
    order = placed()
    await handle(outbox, order)
    await handle(outbox, reserved(order.data.order_id))
    await sql.execute("TRUNCATE outbox")
    row = await sql.fetchrow("SELECT order_id, delivery_id FROM deliveries")
    return {"order": row["order_id"], "delivery": row["delivery_id"]}


async def test_a_delivery_is_shown_as_it_is(delivery: httpx.AsyncClient, started: dict[str, Any]) -> None:
    shown = (await delivery.get(f"/deliveries/{started['delivery']}")).json()
    assert shown.pop("startedAt").endswith("Z")
    assert shown == {
        "deliveryId": str(started["delivery"]),
        "orderId": str(started["order"]),
        "state": "started",
        "productId": 2,
        "productName": "MASK",
        "quantity": 1,
        "customerId": "c-42",
        "customerName": "Kim",
        "address": "1 Sejong-daero, Seoul",
        "version": 2,
    }


async def test_a_delivery_that_is_not_there_is_not_found(delivery: httpx.AsyncClient) -> None:
    for answer in (
        await delivery.get(f"/deliveries/{new_id()}"),
        await delivery.post(f"/deliveries/{new_id()}/complete"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:shop:problem:unknown-delivery")


async def test_deliveries_are_found_by_order_and_by_customer(delivery: httpx.AsyncClient, outbox: Outbox) -> None:
    ours, theirs = placed(customer_id="ours"), placed(customer_id="theirs")
    await handle(outbox, ours, theirs)

    async def found(query: str) -> list[str]:
        return [one["orderId"] for one in (await delivery.get(f"/deliveries?{query}")).json()["items"]]

    assert await found("customerId=ours") == [ours.key]
    assert await found(f"orderId={theirs.key}") == [theirs.key]
    assert await found(f"orderId={theirs.key}&customerId=ours") == []
    assert sorted(await found("")) == sorted([ours.key, theirs.key])


async def test_pages_follow_each_other_and_miss_nothing(delivery: httpx.AsyncClient, outbox: Outbox) -> None:
    orders = [placed(customer_id="c 1&2") for _ in range(5)]
    await handle(outbox, *orders, placed(customer_id="another"))
    pages, path = [], "/deliveries?customerId=c%201%262&limit=2"
    while path:
        page = (await delivery.get(path)).json()
        pages.append([one["orderId"] for one in page["items"]])
        path = page["next"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(order for page in pages for order in page) == sorted(order.key for order in orders)


async def test_what_is_not_known_yet_is_null(delivery: httpx.AsyncClient, outbox: Outbox) -> None:
    order = new_id()
    await handle(outbox, reserved(order))
    [shown] = (await delivery.get(f"/deliveries?orderId={order}")).json()["items"]
    assert (shown["state"], shown["address"], shown["quantity"]) == ("awaiting_details", None, None)


async def test_goods_are_handed_over_once(delivery: httpx.AsyncClient, started: dict[str, Any]) -> None:
    path = f"/deliveries/{started['delivery']}/complete"
    answers = await asyncio.gather(*(delivery.post(path) for _ in range(4)))
    assert {(answer.status_code, answer.json()["state"], answer.json()["version"]) for answer in answers} == {
        (200, "completed", 3)
    }


async def test_only_the_wiring_events_announces_it(start: Start, started: dict[str, Any], sql: Any) -> None:
    async with start(wiring="events") as delivery:
        for _ in range(2):
            await delivery.post(f"/deliveries/{started['delivery']}/complete")
    completed = {"orderId": str(started["order"]), "deliveryId": str(started["delivery"])}
    assert await announced(sql) == [("DeliveryCompleted", completed)]


async def test_a_synchronous_wiring_announces_nothing(start: Start, started: dict[str, Any], sql: Any) -> None:
    async with start(wiring="chain") as delivery:
        assert (await delivery.post(f"/deliveries/{started['delivery']}/complete")).status_code == 200
    assert await announced(sql) == []


async def test_what_is_not_under_way_cannot_be_handed_over(
    delivery: httpx.AsyncClient, outbox: Outbox, started: dict[str, Any], sql: Any
) -> None:
    await handle(outbox, cancellation_requested(started["order"]))
    answer = await delivery.post(f"/deliveries/{started['delivery']}/complete")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:shop:problem:not-under-way")
    assert "cancelled" in answer.json()["detail"]
    assert await states(sql, started["order"]) == ["cancelled"]


async def test_a_request_after_the_handing_over_is_refused_each_time(
    delivery: httpx.AsyncClient, outbox: Outbox, started: dict[str, Any], sql: Any
) -> None:
    await delivery.post(f"/deliveries/{started['delivery']}/complete")
    for sequence in (3, 5):
        await handle(outbox, cancellation_requested(started["order"], sequence))
    refusals = [data for name, data in await announced(sql) if name == "CancellationRefused"]
    assert [data["reason"] for data in refusals] == ["delivered already"] * 2
    assert await states(sql, started["order"]) == ["completed"]
    ids = await sql.fetch("SELECT convert_from(headers, 'UTF8')::jsonb ->> 'ce_id' AS id FROM outbox")
    assert len({row["id"] for row in ids}) == len(ids)


async def test_handing_over_and_cancelling_at_the_same_moment_has_one_winner(
    start: Start, outbox: Outbox, sql: Any
) -> None:
    orders = [placed() for _ in range(30)]
    await handle(outbox, *orders)
    await handle(outbox, *(reserved(order.data.order_id) for order in orders))
    rows = await sql.fetch("SELECT order_id, delivery_id FROM deliveries")
    await sql.execute("TRUNCATE outbox")
    async with start(wiring="events") as delivery:
        answers = await asyncio.gather(
            *(delivery.post(f"/deliveries/{row['delivery_id']}/complete") for row in rows),
            *(handle(outbox, cancellation_requested(row["order_id"])) for row in rows),
        )
    by_order: dict[str, list[str]] = {}
    for name, data in await announced(sql):
        by_order.setdefault(data["orderId"], []).append(name)
    for row, answer in zip(rows, answers, strict=False):
        assert isinstance(answer, httpx.Response)
        [state] = await states(sql, row["order_id"])
        handed_over = answer.status_code == 200
        assert state == ("completed" if handed_over else "cancelled")
        assert by_order[str(row["order_id"])] == (
            ["DeliveryCompleted", "CancellationRefused"] if handed_over else ["DeliveryCancelled"]
        )
