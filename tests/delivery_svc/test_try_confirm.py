"""A delivery on trial over HTTP: tentative, confirmed, cancelled, expired, each of them once and for all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from delivery_svc.try_confirm import TryParticipant
from kit.database import Database
from kit.ids import new_id
from tests.delivery_svc.conftest import Start
from tests.delivery_svc.facts import names, states
from tests.waiting import eventually

DETAILS = {
    "productId": 2,
    "productName": "MASK",
    "quantity": 3,
    "customerId": "c-42",
    "customerName": "Kim",
    "address": "Seoul",
}


@pytest.fixture
async def delivery(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """Its sweep never comes: a try ends only where a test says so."""
    async with start(wiring="tcc", try_sweep_seconds=600) as client:
        yield client


async def attempt(
    delivery: httpx.AsyncClient, order: object, *, seconds: float = 60, **other: object
) -> httpx.Response:
    body = {"orderId": str(order), **DETAILS, "expiresInSeconds": seconds, **other}
    return await delivery.post("/participant/tries", json=body)


async def confirm(delivery: httpx.AsyncClient, order: object) -> httpx.Response:
    return await delivery.post(f"/participant/tries/{order}/confirm")


async def cancel(delivery: httpx.AsyncClient, order: object) -> httpx.Response:
    return await delivery.post(f"/participant/tries/{order}/cancel")


async def call_back(delivery: httpx.AsyncClient, order: object) -> httpx.Response:
    return await delivery.post(f"/participant/deliveries/{order}/cancel")


async def everything(sql: Any) -> Any:
    return await sql.fetch("SELECT * FROM deliveries ORDER BY 1")


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_tentative_delivery_starts_when_it_is_confirmed(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    tried = await attempt(delivery, order)
    assert (tried.status_code, tried.json()["state"], tried.json()["startedAt"]) == (200, "tentative", None)
    confirmed = await confirm(delivery, order)
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "started")
    assert confirmed.json()["startedAt"]
    assert confirmed.json()["deliveryId"] == tried.json()["deliveryId"]
    assert await names(sql) == []


async def test_every_step_may_be_repeated_and_the_repetition_changes_nothing(
    delivery: httpx.AsyncClient, sql: Any
) -> None:
    kept, undone = new_id(), new_id()
    for order, step in ((kept, confirm), (undone, cancel)):
        tried = await attempt(delivery, order)
        before = await everything(sql)
        assert (await attempt(delivery, order, seconds=600)).json() == tried.json()
        assert await everything(sql) == before, "nor does it get more time"
        done = await step(delivery, order)
        before = await everything(sql)
        again = [await step(delivery, order), *await asyncio.gather(*(step(delivery, order) for _ in range(3)))]
        assert {(answer.status_code, answer.text) for answer in again} == {(200, done.text)}
        assert await everything(sql) == before
    assert (await attempt(delivery, kept)).json()["state"] == "started"
    assert await states(sql, kept, undone) == ["started", "cancelled"]


async def test_a_cancellation_that_comes_before_its_try_is_remembered(delivery: httpx.AsyncClient, sql: Any) -> None:
    order = new_id()
    assert (await cancel(delivery, order)).status_code == 200
    before = await everything(sql)
    assert kind(await attempt(delivery, order)) == (409, "order-cancelled")
    assert kind(await confirm(delivery, order)) == (409, "order-cancelled")
    assert await everything(sql) == before


async def test_a_try_whose_time_is_up_is_ended_by_the_sweep(start: Start, sql: Any) -> None:
    order = new_id()
    async with start(wiring="tcc", try_sweep_seconds=0.05) as delivery:
        await attempt(delivery, order, seconds=0.1)
        await eventually(lambda: sql.fetchval("SELECT state = 'expired' FROM deliveries"))
        before = await everything(sql)
        assert kind(await confirm(delivery, order)) == (410, "try-expired")
        assert kind(await attempt(delivery, order)) == (410, "try-expired")
        cancelled = await cancel(delivery, order)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "expired")
        assert await everything(sql) == before
        assert "delivery_tries_expired_total" in (await delivery.get("/metrics")).text


async def test_it_cannot_be_confirmed_any_more_even_before_the_sweep_has_come(
    delivery: httpx.AsyncClient, sql: Any
) -> None:
    order = new_id()
    await attempt(delivery, order)
    await sql.execute("UPDATE deliveries SET expires_at = now() - interval '1 millisecond'")
    assert kind(await confirm(delivery, order)) == (410, "try-expired")
    assert await states(sql, order) == ["expired"]


async def test_a_sweep_ends_all_that_are_late_and_no_other(
    delivery: httpx.AsyncClient, database: Database, sql: Any
) -> None:
    """More than it takes at a time; what was confirmed has no time to be up."""
    late, early, kept = [[new_id() for _ in range(count)] for count in (1100, 10, 10)]
    await asyncio.gather(*(attempt(delivery, order) for order in (*late, *early, *kept)))
    await asyncio.gather(*(confirm(delivery, order) for order in kept))
    await sql.execute("UPDATE deliveries SET expires_at = now() WHERE order_id = ANY($1)", late)
    await asyncio.gather(*(TryParticipant(database, sweep_seconds=1).sweep() for _ in range(2)))
    found = Counter(row["state"] for row in await sql.fetch("SELECT state FROM deliveries"))
    assert found == {"expired": 1100, "tentative": 10, "started": 10}


async def test_unknown_tries_other_contents_and_late_cancellations_are_refused_and_change_nothing(
    delivery: httpx.AsyncClient, sql: Any
) -> None:
    tried, confirmed = new_id(), new_id()
    for order in (tried, confirmed):
        await attempt(delivery, order)
    await confirm(delivery, confirmed)
    before = await everything(sql)
    assert kind(await confirm(delivery, new_id())) == (404, "unknown-try")
    assert kind(await attempt(delivery, tried, quantity=4)) == (409, "other-content")
    assert kind(await attempt(delivery, confirmed, address="Busan")) == (409, "other-content")
    assert kind(await cancel(delivery, confirmed)) == (409, "try-confirmed")
    assert await everything(sql) == before


@pytest.mark.parametrize(
    "wrong",
    [{"expiresInSeconds": 0}, {"expiresInSeconds": 3601}, {"address": ""}, {"orderId": "x"}, {"more": 1}],
    ids=str,
)
async def test_a_try_that_says_nonsense_is_refused(
    delivery: httpx.AsyncClient, sql: Any, wrong: dict[str, object]
) -> None:
    body = {"orderId": str(new_id()), **DETAILS, "expiresInSeconds": 10} | wrong
    answer = await delivery.post("/participant/tries", json=body)
    assert kind(answer) == (422, "invalid-request")
    assert await everything(sql) == []


async def test_steps_of_one_group_do_not_disturb_each_other(delivery: httpx.AsyncClient, sql: Any) -> None:
    """Confirmations of what was never tried, together with tries."""
    tried, unknown = [new_id() for _ in range(20)], [new_id() for _ in range(20)]
    answers = await asyncio.gather(
        *(attempt(delivery, order) for order in tried), *(confirm(delivery, order) for order in unknown)
    )
    assert [answer.status_code for answer in answers] == [200] * 20 + [404] * 20
    assert await states(sql, *tried, *unknown) == ["tentative"] * 20 + [None] * 20


async def test_two_replicas_that_race_for_the_same_tries_agree(start: Start, sql: Any) -> None:
    """One confirms while the other cancels: whoever was first, the other is told so."""
    orders = [new_id() for _ in range(40)]
    async with start(wiring="tcc") as one, start(wiring="tcc") as other:
        await asyncio.gather(*(attempt(one, order) for order in orders))
        answers = await asyncio.gather(
            *(confirm(one, order) for order in orders), *(cancel(other, order) for order in orders)
        )
    pairs = zip(answers[:40], answers[40:], strict=True)
    assert {tuple(sorted(answer.status_code for answer in pair)) for pair in pairs} == {(200, 409)}
    started = [answer.status_code == 200 for answer in answers[:40]]
    assert await states(sql, *orders) == ["started" if one else "cancelled" for one in started]


async def test_an_order_that_is_undone_as_a_whole_is_called_back_until_it_is_handed_over(
    delivery: httpx.AsyncClient, sql: Any
) -> None:
    tentative, started, handed_over, unheard_of = [new_id() for _ in range(4)]
    for order in (tentative, started, handed_over):
        await attempt(delivery, order)
    await confirm(delivery, started)
    number = (await confirm(delivery, handed_over)).json()["deliveryId"]
    assert (await delivery.post(f"/deliveries/{number}/complete")).status_code == 200
    for order in (tentative, started, started, unheard_of):
        assert (await call_back(delivery, order)).json()["state"] == "cancelled"
    assert kind(await call_back(delivery, handed_over)) == (409, "delivered")
    assert kind(await attempt(delivery, unheard_of)) == (409, "order-cancelled")


async def test_a_tentative_delivery_cannot_be_handed_over(delivery: httpx.AsyncClient) -> None:
    number = (await attempt(delivery, new_id())).json()["deliveryId"]
    assert kind(await delivery.post(f"/deliveries/{number}/complete")) == (409, "not-under-way")
