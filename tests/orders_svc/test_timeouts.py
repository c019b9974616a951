"""Orders that nothing settles are cancelled through the same door, in both wirings."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response

from calls.client import Peer
from events.outbox import Outbox
from kit.database import Database
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.events import EventsPlacing
from orders_svc.placing.links import Links
from orders_svc.timeouts import TimeOuts
from tests.orders_svc.conftest import Start
from tests.orders_svc.downstream import Downstream, answering, refusing
from tests.orders_svc.facts import cancelled, happen, started
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 1}
LONG_AGO = "UPDATE orders SET placed_at = now() - interval '11 minutes', changed_at = now() - interval '11 minutes'"


async def multiply(sql: Any, times: int) -> None:
    """So many more orders like the one that there is."""
    found = await sql.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' AND column_name <> 'id'"
    )
    names = ", ".join(row["column_name"] for row in found)
    await sql.execute(
        f"INSERT INTO orders (id, {names}) SELECT gen_random_uuid(), {names} FROM orders, generate_series(1, {times})"
    )


async def test_only_overdue_pending_orders_are_cancelled(
    orders: httpx.AsyncClient, outbox: Outbox, database: Database, sql: Any
) -> None:
    overdue, confirmed, asked = [(await orders.post("/orders", json=ORDER)).json()["id"] for _ in range(3)]
    await happen(outbox, started(confirmed))
    await orders.post(f"/orders/{asked}/cancel")
    await sql.execute(LONG_AGO)
    young = (await orders.post("/orders", json=ORDER)).json()["id"]
    before = await sql.fetchval("SELECT count(*) FROM outbox")

    await TimeOuts(EventsPlacing(database, outbox), 600).sweep()

    found = {item["id"]: (item["status"], item["reason"]) for item in (await orders.get("/orders")).json()["items"]}
    assert found == {
        overdue: ("cancelling", "timed out"),
        confirmed: ("confirmed", None),
        asked: ("cancelling", "cancelled by the customer"),
        young: ("pending", None),
    }
    new = await sql.fetch("SELECT key, headers FROM outbox ORDER BY id OFFSET $1", before)
    assert [(row["key"].decode(), orjson.loads(row["headers"])["ce_type"]) for row in new] == [
        (overdue, "shop.orders.OrderCancellationRequested.v1")
    ]


async def test_more_than_one_batch_is_taken_up_in_one_sweep(
    orders: httpx.AsyncClient, outbox: Outbox, database: Database, sql: Any
) -> None:
    await orders.post("/orders", json=ORDER)
    await multiply(sql, 450)
    await sql.execute(LONG_AGO)
    await TimeOuts(EventsPlacing(database, outbox), 600).sweep()
    assert await sql.fetchval("SELECT count(*) FROM orders WHERE status = 'cancelling'") == 451


async def test_an_order_that_another_replica_holds_is_left_to_it(
    orders: httpx.AsyncClient, outbox: Outbox, database: Database, sql: Any
) -> None:
    held, free = [(await orders.post("/orders", json=ORDER)).json()["id"] for _ in range(2)]
    await sql.execute(LONG_AGO)
    async with sql.transaction():
        await sql.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", held)
        assert await EventsPlacing(database, outbox).time_out(datetime.now(UTC), limit=10) == 1
    assert (await orders.get(f"/orders/{free}")).json()["status"] == "cancelling"
    assert (await orders.get(f"/orders/{held}")).json()["status"] == "pending"


async def test_the_service_does_it_by_itself(start: Start, outbox: Outbox, sql: Any) -> None:
    async with start(pending_timeout_seconds=0.2) as running:
        order = (await running.client.post("/orders", json=ORDER)).json()
        await eventually(lambda: sql.fetchval("SELECT status = 'cancelling' FROM orders"))
        await happen(outbox, cancelled(order["id"]))
        assert (await running.client.get(f"/orders/{order['id']}")).json()["reason"] == "timed out"


async def test_in_the_chain_delivery_is_asked_for_what_a_crash_left_behind(
    start: Start, downstream: Downstream, sql: Any
) -> None:
    """Both kinds of leftovers, and a link that fails at first: they stay open until delivery answers."""
    downstream.cancel = refusing(503, "unavailable", "not now")
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", pending_timeout_seconds=0.5, **urls) as running:
        for status in ("pending", "cancelling"):
            order = (await running.client.post("/orders", json=ORDER)).json()
            await sql.execute(
                "UPDATE orders SET status = $2, settled_at = NULL, placed_at = placed_at - $3::interval WHERE id = $1",
                order["id"],
                status,
                timedelta(minutes=1),
            )
        await eventually(lambda: sum(call.endswith("/cancel") for call, _, _ in downstream.calls) >= 3)
        assert await sql.fetchval("SELECT count(*) FROM orders WHERE status = 'cancelling'") == 2
        downstream.cancel = answering(200, {"state": "cancelled"})
        await eventually(lambda: sql.fetchval("SELECT count(*) = 2 FROM orders WHERE status = 'cancelled'"))


async def test_in_the_chain_a_sweep_ends_when_delivery_refuses_at_once(
    database: Database, downstream: Downstream, start: Start, sql: Any
) -> None:
    """However many orders are stuck: each of the first group is asked for once, the next look goes on from there."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", **urls) as running:
        await running.client.post("/orders", json=ORDER)
        await multiply(sql, 249)
        await sql.execute(LONG_AGO)
        await sql.execute("UPDATE orders SET status = 'cancelling', settled_at = NULL")
        peer = Peer(downstream.url)
        sweep = TimeOuts(ChainPlacing(database, Links(peer, peer), changed=lambda _: None), 600).sweep
        downstream.cancel = refusing(503, "unavailable", "not now")
        asked = len(downstream.calls)
        await asyncio.wait_for(sweep(), 60)
        assert len(downstream.calls) - asked == 200
        assert await sql.fetchval("SELECT count(*) FROM orders WHERE status = 'cancelling'") == 250
        downstream.cancel = answering(200, {"state": "cancelled"})
        await sweep()
        await peer.close()
    assert await sql.fetchval("SELECT count(*) FROM orders WHERE status = 'cancelled'") == 250


async def test_in_the_chain_delivery_is_soon_asked_again_about_a_cancellation_that_got_no_answer(
    database: Database, downstream: Downstream, start: Start, sql: Any
) -> None:
    """Seconds after it was asked, not the ten minutes that a pending order has; what was asked just now is left."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", **urls) as running:
        earlier, now = [(await running.client.post("/orders", json=ORDER)).json()["id"] for _ in range(2)]
        await sql.execute(
            "UPDATE orders SET status = 'cancelling', settled_at = NULL, reason = 'changed my mind', "
            "changed_at = now() + interval '1 minute', placed_at = now() - interval '6 seconds'"
        )
        await sql.execute("UPDATE orders SET changed_at = placed_at WHERE id = $1", earlier)
        peer = Peer(downstream.url)
        await TimeOuts(ChainPlacing(database, Links(peer, peer), changed=lambda _: None), 600).sweep()
        await peer.close()
        found = [(await running.client.get(f"/orders/{order_id}")).json() for order_id in (earlier, now)]
    assert [(order["status"], order["reason"]) for order in found] == [
        ("cancelled", "changed my mind"),
        ("cancelling", "changed my mind"),
    ]


async def test_in_the_chain_a_sweep_and_the_customer_may_cancel_at_the_same_moment(
    database: Database, downstream: Downstream, start: Start, sql: Any
) -> None:
    """Both have asked delivery before either has its answer; the sweep goes on to the next order."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", **urls) as running:
        both, other = [(await running.client.post("/orders", json=ORDER)).json()["id"] for _ in range(2)]
        answers = []

        async def in_between(request: Request) -> Response:
            downstream.cancel = answering(200, {"state": "cancelled"})
            answers.append(await running.client.post(f"/orders/{both}/cancel"))
            return await downstream.cancel(request)

        downstream.cancel = in_between
        peer = Peer(downstream.url)
        sweep = TimeOuts(ChainPlacing(database, Links(peer, peer), changed=lambda _: None), 600).sweep
        await sql.execute(LONG_AGO)
        await sql.execute("UPDATE orders SET status = 'pending', settled_at = NULL")
        await sweep()
        await peer.close()
        statuses = [(await running.client.get(f"/orders/{order_id}")).json()["status"] for order_id in (both, other)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "cancelled")]
    assert statuses == ["cancelled", "cancelled"]


async def test_an_order_that_was_confirmed_just_in_time_is_not_cancelled(
    database: Database, downstream: Downstream, start: Start, sql: Any
) -> None:
    """While the sweep asked delivery about another one."""
    urls = {"products_url": downstream.url, "delivery_url": downstream.url}
    async with start(wiring="chain", **urls) as running:
        first, second = [(await running.client.post("/orders", json=ORDER)).json()["id"] for _ in range(2)]
        await sql.execute(LONG_AGO)
        await sql.execute("UPDATE orders SET status = 'pending', settled_at = NULL")

        async def meanwhile(request: Request) -> Response:
            await sql.execute("UPDATE orders SET status = 'confirmed' WHERE id = $1", second)
            return await answering(200, {"state": "cancelled"})(request)

        downstream.cancel = meanwhile
        peer = Peer(downstream.url)
        placing = ChainPlacing(database, Links(peer, peer), changed=lambda _: None)
        await TimeOuts(placing, 600).sweep()
        await peer.close()
        statuses = [(await running.client.get(f"/orders/{order_id}")).json()["status"] for order_id in (first, second)]
    assert statuses == ["cancelled", "confirmed"]
