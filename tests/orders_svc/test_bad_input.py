"""Whatever is sent, the answer is a 4xx problem that says what was wrong, and nothing is left behind."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.orders_svc.conftest import emptied, running
from tests.orders_svc.downstream import running_downstream

JSON = {"Content-Type": "application/json"}
UNKNOWN = "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sql(orders_url: str) -> AsyncIterator[Any]:
    async with emptied(orders_url) as connection:
        yield connection


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["events", "chain", "chain-breaker"])
async def orders(request: pytest.FixtureRequest, orders_url: str, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running_downstream() as others:
        urls = {"products_url": others.url, "delivery_url": others.url}
        async with running(orders_url, wiring=request.param, **urls) as service:
            yield service.client


def body(**fields: str) -> bytes:
    """A body whose fields are given as JSON texts, so that they may be anything."""
    fields = {"productId": "2", "quantity": "1"} | fields
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}").encode()


BODIES = {
    "quantity zero": (body(quantity="0"), 422, "quantity"),
    "quantity negative": (body(quantity="-3"), 422, "quantity"),
    "quantity 2^63": (body(quantity=str(2**63)), 422, "quantity"),
    "quantity text": (body(quantity='"1"'), 422, "quantity"),
    "quantity fraction": (body(quantity="1.5"), 422, "quantity"),
    "quantity whole fraction": (body(quantity="1.0"), 422, "quantity"),
    "quantity true": (body(quantity="true"), 422, "quantity"),
    "quantity null": (body(quantity="null"), 422, "quantity"),
    "quantity list": (body(quantity="[1]"), 422, "quantity"),
    "quantity NaN": (body(quantity="NaN"), 400, "NaN"),
    "quantity Infinity": (body(quantity="-Infinity"), 400, "Infinity"),
    "quantity of 400 digits": (body(quantity="9" * 400), 422, "quantity"),
    "quantity of 5000 digits": (body(quantity="9" * 5000), 400, "digits"),
    "quantity 1e400": (body(quantity="1e400"), 422, "quantity"),
    "product missing": (b'{"quantity": 1}', 422, "productId"),
    "quantity missing": (b'{"productId": 2}', 422, "quantity"),
    "product zero": (body(productId="0"), 422, "productId"),
    "product negative": (body(productId="-1"), 422, "productId"),
    "product 2^63": (body(productId=str(2**63)), 422, "productId"),
    "product text": (body(productId='"MASK"'), 422, "productId"),
    "product unknown": (body(productId="77"), 422, "77"),
    "product unknown and huge": (body(productId=str(2**63 - 1)), 422, "product"),
    "unknown field": (body(quantitty="2"), 422, "quantitty"),
    "field given twice": (b'{"productId": 2, "quantity": 1, "quantity": 2}', 400, "quantity"),
    "control character": (body(customerName='"Kim\\u0007"'), 422, "U+0007"),
    "null character": (body(address='"Se\\u0000oul"'), 422, "U+0000"),
    "line break at the end": (body(customerId='"c-42\\n"'), 422, "U+000A"),
    "lone surrogate": (body(customerName='"\\ud800"'), 422, "customerName"),
    "lone surrogate in a name": (body(**{"\\ud800": "1"}), 422, "unicode"),
    "raw control character": (body(customerName='"Kim\x07"'), 400, "control character"),
    "empty name": (body(customerName='""'), 422, "customerName"),
    "blank name": (body(customerName='"   "'), 422, "customerName"),
    "name too long": (body(customerName=f'"{"x" * 201}"'), 422, "customerName"),
    "name null": (body(customerName="null"), 422, "customerName"),
    "name number": (body(customerName="7"), 422, "customerName"),
    "broken JSON": (b'{"productId": 2, "quantity": 1', 400, "JSON"),
    "text after the JSON": (body() + b"x", 400, "JSON"),
    "not JSON": (b"productId=2&quantity=1", 400, "JSON"),
    "nothing": (b"", 400, "JSON"),
    "a list": (b"[" + body() + b"]", 400, "object"),
    "a number": (b"7", 400, "object"),
    "null": (b"null", 400, "object"),
    "deep nesting": (b"[" * 60_000, 400, "JSON"),
    "deep nesting in a field": (body(quantity="[" * 30_000 + "]" * 30_000), 400, "JSON"),
    "invalid UTF-8": (b'{"productId": 2, "quantity": 1, "customerName": "\xff"}', 400, "UTF-8"),
    "UTF-16": ('{"productId": 2, "quantity": 1}'.encode("utf-16"), 400, "UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + body(), 400, "JSON"),
    "10 MB": (body(address=f'"{"x" * 10_000_000}"'), 413, "65536"),
}


@pytest.mark.parametrize(("content", "status", "told"), BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_no_order_is_refused(
    orders: httpx.AsyncClient, sql: Any, content: bytes, status: int, told: str
) -> None:
    answer = await orders.post("/orders", content=content, headers=JSON | {"Idempotency-Key": "k"})
    assert_problem(answer, status)
    assert told in answer.text
    await assert_nothing_left(sql)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""]
)
async def test_another_content_type_is_refused(orders: httpx.AsyncClient, sql: Any, content_type: str) -> None:
    answer = await orders.post("/orders", content=body(), headers={"Content-Type": content_type})
    assert_problem(answer, 415)
    await assert_nothing_left(sql)


async def test_a_body_without_content_type_is_refused(orders: httpx.AsyncClient) -> None:
    assert_problem(await orders.post("/orders", content=body()), 415)


@pytest.mark.parametrize("order_id", ["7", "nonsense", "019ab0f2", UNKNOWN + "0", "%00", "..%2f..", "☺", "-1"])
async def test_a_path_without_an_order_id_is_refused(orders: httpx.AsyncClient, order_id: str) -> None:
    assert_problem(await orders.get(f"/orders/{order_id}"), 404, 422)
    assert_problem(await orders.post(f"/orders/{order_id}/cancel"), 404, 422)


async def test_an_order_that_does_not_exist_is_not_found(orders: httpx.AsyncClient) -> None:
    for answer in (await orders.get(f"/orders/{UNKNOWN}"), await orders.post(f"/orders/{UNKNOWN}/cancel")):
        assert_problem(answer, 404)
        assert UNKNOWN in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=many",
        "limit=1.5",
        "limit=" + "9" * 30,
        "limit=" + "9" * 5000,
        "limit=",
        "after=7",
        "after=nonsense",
        "after=",
        "customerId=",
        "customerId=%00",
        "customerId=a%0Ab",
        "customerId=" + "x" * 201,
        "customerid=c-42",
        "page=2",
    ],
)
async def test_an_absurd_query_is_refused(orders: httpx.AsyncClient, query: str) -> None:
    assert_problem(await orders.get(f"/orders?{query}"), 422)


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"reason": 7}', 422), (b'{"reason": "\\u0000"}', 422), (b'{"why": "x"}', 422)],
)
async def test_a_cancellation_with_a_bad_body_changes_nothing(
    orders: httpx.AsyncClient, sql: Any, content: bytes, status: int
) -> None:
    order = (await orders.post("/orders", json={"productId": 2, "quantity": 1})).json()
    assert_problem(await orders.post(f"/orders/{order['id']}/cancel", content=content, headers=JSON), status)
    assert (await orders.get(f"/orders/{order['id']}")).json() == order
    await sql.execute("TRUNCATE orders, outbox, idempotency_keys")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("PUT", "/orders", 405), ("DELETE", f"/orders/{UNKNOWN}", 405), ("GET", "/", 404)]
)
async def test_routes_that_do_not_exist_answer_problems_too(
    orders: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert_problem(await orders.request(method, path), status)


def assert_problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:shop:problem:")
    assert problem["title"]
    assert problem["detail"]


async def assert_nothing_left(sql: Any) -> None:
    for table in ("orders", "outbox", "idempotency_keys"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0, table
