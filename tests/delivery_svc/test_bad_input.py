"""Whatever is sent, the answer is a 4xx problem that says what was wrong, and nothing is left behind or asked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.delivery_svc.conftest import TABLES, emptied, running
from tests.delivery_svc.downstream import Products, running_products

JSON = {"Content-Type": "application/json"}
ORDER = "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sql(delivery_url: str) -> AsyncIterator[Any]:
    async with emptied(delivery_url) as connection:
        yield connection


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked() -> AsyncIterator[Products]:
    async with running_products() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(delivery_url: str, sql: Any, asked: Products) -> AsyncIterator[httpx.AsyncClient]:
    async with running(delivery_url, wiring="chain", products_url=asked.url) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def events(delivery_url: str, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(delivery_url, wiring="events") as client:
        yield client


def order(**fields: str) -> bytes:
    """A body whose fields are given as JSON texts, so that they may be anything."""
    whole = {
        "orderId": f'"{ORDER}"',
        "productId": "2",
        "productName": '"MASK"',
        "quantity": "1",
        "customerId": '"c-42"',
        "customerName": '"Kim"',
        "address": '"Seoul"',
    } | fields
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in whole.items() if value) + "}").encode()


NUMBERS = {
    "zero": "0",
    "negative": "-1",
    "2^63": str(2**63),
    "text": '"1"',
    "fraction": "1.5",
    "whole fraction": "1.0",
    "true": "true",
    "null": "null",
    "missing": "",
}
TEXTS = {
    "number": "7",
    "null": "null",
    "empty": '""',
    "blank": '"  "',
    "too long": f'"{"x" * 201}"',
    "control character": '"a\\u0007"',
    "null character": '"a\\u0000"',
    "line break": '"a\\n"',
    "lone surrogate": '"\\ud800"',
    "missing": "",
}
UNFIT = {
    **{f"quantity {kind}": order(quantity=value) for kind, value in NUMBERS.items()},
    **{f"product {kind}": order(productId=value) for kind, value in NUMBERS.items()},
    **{f"order {kind}": order(orderId=value) for kind, value in TEXTS.items()},
    **{f"address {kind}": order(address=value) for kind, value in TEXTS.items()},
    **{f"customer {kind}": order(customerId=value) for kind, value in TEXTS.items()},
    **{f"name {kind}": order(customerName=value) for kind, value in TEXTS.items()},
    **{f"product name {kind}": order(productName=value) for kind, value in TEXTS.items()},
    "unknown field": order(colour='"red"'),
}
UNREADABLE = {
    "broken": (b'{"orderId": ', 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 400),
    "invalid UTF-8": (b'{"address": "\xff"}', 400),
    "a field twice": (order()[:-1] + b', "quantity": 2}', 400),
    "NaN": (order(quantity="NaN"), 400),
    "deep nesting": (b"[" * 60_000, 400),
    "10 MB": (order(address=f'"{"x" * 10_000_000}"'), 413),
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT.keys())
async def test_values_that_do_not_fit_are_refused(
    chain: httpx.AsyncClient, sql: Any, asked: Products, body: bytes
) -> None:
    assert_problem(await chain.post("/participant/deliveries", content=body, headers=JSON), 422)
    await assert_nothing_left(sql, asked)


@pytest.mark.parametrize(("body", "status"), UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_cannot_be_read_is_refused(
    chain: httpx.AsyncClient, sql: Any, asked: Products, body: bytes, status: int
) -> None:
    assert_problem(await chain.post("/participant/deliveries", content=body, headers=JSON), status)
    await assert_nothing_left(sql, asked)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_another_content_type_is_refused(
    chain: httpx.AsyncClient, sql: Any, asked: Products, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert_problem(await chain.post("/participant/deliveries", content=order(), headers=headers), 415)
    await assert_nothing_left(sql, asked)


@pytest.mark.parametrize("bad_id", ["7", "nonsense", ORDER + "0", "%00", "-1", "☺"])
async def test_a_path_without_an_id_is_refused(
    chain: httpx.AsyncClient, events: httpx.AsyncClient, sql: Any, asked: Products, bad_id: str
) -> None:
    for client in (chain, events):
        assert_problem(await client.get(f"/deliveries/{bad_id}"), 422)
        assert_problem(await client.post(f"/deliveries/{bad_id}/complete"), 422)
    assert_problem(await chain.post(f"/participant/deliveries/{bad_id}/cancel"), 422)
    await assert_nothing_left(sql, asked)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=many",
        "after=7",
        "after=",
        "orderId=7",
        "customerId=",
        "customerId=%00",
        "customerId=" + "x" * 201,
        "customerid=c-42",
        "page=2",
    ],
)
async def test_an_absurd_query_is_refused(events: httpx.AsyncClient, query: str) -> None:
    assert_problem(await events.get(f"/deliveries?{query}"), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/deliveries", 405), ("DELETE", f"/deliveries/{ORDER}", 405), ("GET", "/", 404)],
)
async def test_routes_that_do_not_exist_answer_problems_too(
    events: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert_problem(await events.request(method, path), status)


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:shop:problem:")
    assert problem["title"]
    assert problem["detail"]


async def assert_nothing_left(sql: Any, asked: Products) -> None:
    for table in TABLES:
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert asked.asked == []
