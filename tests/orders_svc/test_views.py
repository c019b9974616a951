"""GET /customers/{id}/orders and GET /sales: what the read models hold, once they have held everything."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import TypeAdapter

from events.envelope import Envelope
from kit.database import Connection
from orders_svc.domain import Customer, Order, ShownProduct
from orders_svc.read_models import order_history, sales
from orders_svc.views.order_history import EXAMPLE as EXAMPLE_HISTORY
from orders_svc.views.order_history import CustomerAnswer
from orders_svc.views.sales import EXAMPLE as EXAMPLE_SALES
from orders_svc.views.sales import SalesAnswer
from tests.events.lifecycles import lifecycle
from tests.orders_svc.conftest import Start

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WELL = [2, 2, 2, 2]


async def build(sql: Any, model: Any, envelopes: list[Envelope[Any]]) -> None:
    heard = [envelope for envelope in envelopes if type(envelope.data) in model.functions]
    await model.apply(Connection(sql), heard)


def order_id(number: int) -> UUID:
    return UUID(int=number << 80 | 7 << 76 | 2 << 62)


def confirmed(number: int, *, product: int = 2, quantity: int = 1, at: datetime = NOON, customer: str = "c-1") -> Order:
    shown = ShownProduct(product, "MASK", 20000, 1)
    order = Order.place(order_id(number), shown, quantity, Customer(customer, "Kim", "Seoul"), at=at)
    order.confirm(at=at + timedelta(seconds=1))
    return order


async def test_a_customer_sees_every_step_of_an_order_in_causal_order(orders: httpx.AsyncClient, sql: Any) -> None:
    shop = lifecycle(WELL, skews=(0, -30, 60))  # the clocks of products and delivery are wrong
    await build(sql, order_history.MODEL, shop.told)
    [order] = (await orders.get("/customers/c/orders")).json()["items"]
    assert order["status"] == "confirmed"
    assert order["productName"] == "MASK"
    assert [(step["service"], step["event"]) for step in order["steps"]] == [
        ("orders", "OrderPlaced"),
        ("products", "StockReserved"),
        ("delivery", "DeliveryStarted"),
        ("orders", "OrderConfirmed"),
    ]


async def test_the_reason_of_a_rejection_is_told(orders: httpx.AsyncClient, sql: Any) -> None:
    await build(sql, order_history.MODEL, lifecycle(WELL, stock=0).told)
    [order] = (await orders.get("/customers/c/orders")).json()["items"]
    assert order["status"] == "rejected"
    assert order["reason"] == order["steps"][-1]["note"]
    assert "out of stock" in order["reason"]


async def test_pages_of_a_customer_follow_each_other_newest_first(orders: httpx.AsyncClient, sql: Any) -> None:
    mine = [confirmed(number, customer="Kim & söhne/=?") for number in range(1, 8)]
    others = [confirmed(number, customer="c-2") for number in range(8, 11)]
    await build(sql, order_history.MODEL, [event for order in (*mine, *others) for event in order.events])
    pages, following = [], "/customers/Kim%20%26%20s%C3%B6hne%2F%3D%3F/orders?limit=3"
    while following is not None:
        page = (await orders.get(following)).json()
        pages.append([item["id"] for item in page["items"]])
        following = page["next"]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == [str(order_id(number)) for number in range(7, 0, -1)]


async def test_who_never_ordered_has_an_empty_page(orders: httpx.AsyncClient) -> None:
    assert (await orders.get("/customers/nobody/orders")).json() == {"items": [], "next": None}


async def test_sales_are_summed_up_by_day_and_product(orders: httpx.AsyncClient, sql: Any) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    placed = [
        confirmed(1, quantity=2, at=midnight - timedelta(milliseconds=1)),
        confirmed(2, quantity=3, at=midnight),
        confirmed(3, product=1, at=midnight),
        confirmed(4, product=1, at=midnight),
    ]
    await build(sql, sales.MODEL, [event for order in placed for event in order.events])
    assert (await orders.get("/sales")).json()["items"] == [
        {"day": "2026-11-23", "productId": 2, "orders": 1, "units": 2, "revenue": 40000},
        {"day": "2026-11-24", "productId": 1, "orders": 2, "units": 2, "revenue": 40000},
        {"day": "2026-11-24", "productId": 2, "orders": 1, "units": 3, "revenue": 60000},
    ]
    assert [row["productId"] for row in (await orders.get("/sales?from=2026-11-24&productId=2")).json()["items"]] == [2]
    assert (await orders.get("/sales?to=2026-11-22")).json()["items"] == []


async def test_an_order_that_is_cancelled_or_announced_twice_does_not_count_wrongly(
    orders: httpx.AsyncClient, sql: Any
) -> None:
    gone, kept = confirmed(1), confirmed(2)
    gone.request_cancellation("changed my mind", at=NOON)
    gone.cancel(at=NOON)
    kept.request_cancellation("changed my mind", at=NOON)
    kept.refuse_cancellation("delivered already", at=NOON)
    for order in (gone, kept, gone, kept):
        for event in order.events:
            await build(sql, sales.MODEL, [event])
    [row] = (await orders.get("/sales")).json()["items"]
    assert (row["orders"], row["units"], row["revenue"]) == (1, 1, 20000)


async def test_pages_of_sales_follow_each_other(orders: httpx.AsyncClient, sql: Any) -> None:
    placed = [
        confirmed(number, product=number % 5 + 1, at=NOON + timedelta(days=number % 3)) for number in range(1, 31)
    ]
    await build(sql, sales.MODEL, [event for order in placed for event in order.events])
    found, following = [], "/sales?limit=4&from=2026-11-23"
    while following is not None:
        page = (await orders.get(following)).json()
        found += [(row["day"], row["productId"]) for row in page["items"]]
        following = page["next"]
    assert found == sorted(set(found))
    assert len(found) == 15


@pytest.mark.parametrize("path", ["/customers/c-1/orders", "/sales"])
async def test_a_read_model_that_was_never_complete_is_not_shown(
    orders: httpx.AsyncClient, sql: Any, path: str
) -> None:
    await sql.execute("DELETE FROM read_models WHERE name <> 'product-copy'")
    answer = await orders.get(path)
    assert answer.status_code == 503
    assert "has not reached the ends of its topics yet" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/customers/c-1/orders", "/sales"])
async def test_a_wiring_without_events_says_that_there_is_no_read_model(start: Start, path: str) -> None:
    async with start(wiring="chain") as chain:
        answer = await chain.client.get(path)
    assert answer.status_code == 501
    assert answer.json()["type"] == "urn:shop:problem:needs-events"


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "productId=0",
        "limit=0",
        "limit=1001",
        "after=2026-11-23",
        "after=2026-13-01.1",
        "day=1",
        "after=x.y",
    ],
)
async def test_a_question_for_sales_that_makes_no_sense_is_refused(orders: httpx.AsyncClient, query: str) -> None:
    answer = await orders.get(f"/sales?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "before=yesterday", "after=1"])
async def test_a_question_for_orders_that_makes_no_sense_is_refused(orders: httpx.AsyncClient, query: str) -> None:
    answer = await orders.get(f"/customers/c-1/orders?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_the_answers_are_the_documented_ones(orders: httpx.AsyncClient, sql: Any) -> None:
    order = confirmed(1)
    await build(sql, order_history.MODEL, order.events)
    await build(sql, sales.MODEL, order.events)
    history, sold = await orders.get("/customers/c-1/orders"), await orders.get("/sales")
    TypeAdapter(CustomerAnswer).validate_json(history.content)
    TypeAdapter(SalesAnswer).validate_json(sold.content)
    assert history.json()["items"][0].keys() == EXAMPLE_HISTORY.keys()
    assert sold.json()["items"][0].keys() == EXAMPLE_SALES.keys()
