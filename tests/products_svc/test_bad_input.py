"""Whatever is sent, the answer is a 4xx problem that says what was wrong, and nothing is left behind."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.products_svc.conftest import TABLES, running, seeded

JSON = {"Content-Type": "application/json"}
ORDER = "019ab0f2-6f7c-7c31-8a55-0d2c1b9f4e11"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sql(products_url: str) -> AsyncIterator[Any]:
    async with seeded(products_url) as connection:
        yield connection


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["events", "chain"])
async def products(request: pytest.FixtureRequest, products_url: str, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(products_url, wiring=request.param) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def participant(products_url: str, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(products_url, wiring="chain") as client:
        yield client


async def content(sql: Any) -> dict[str, list[Any]]:
    return {table: await sql.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}


def written(**fields: str) -> bytes:
    """A JSON object whose values are given as JSON texts, so that they may be anything."""
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}").encode()


def product(**fields: str) -> bytes:
    return written(**({"name": '"LAMP"', "price": "2990"} | fields))


def reservation(**fields: str) -> bytes:
    return written(**({"orderId": f'"{ORDER}"', "productId": "2", "quantity": "1"} | fields))


NUMBERS = {
    "negative": "-1",
    "2^63": str(2**63),
    "text": '"1"',
    "fraction": "1.5",
    "whole fraction": "1.0",
    "true": "true",
    "null": "null",
    "list": "[1]",
    "400 digits": "9" * 400,
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
}
SYNTAX = {
    "broken": (b'{"name": "LAMP"', 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 400),
    "null": (b"null", 400),
    "a form": (b"name=LAMP&price=1", 400),
    "deep nesting": (b"[" * 60_000, 400),
    "invalid UTF-8": (b'{"name": "\xff"}', 400),
    "NaN": (b'{"price": NaN}', 400),
    "a field twice": (b'{"name": "A", "name": "B", "price": 1, "quantity": 1}', 400),
    "10 MB": (b'{"name": "' + b"x" * 10_000_000 + b'"}', 413),
}
WRITES = [
    ("POST", "/products"),
    ("PATCH", "/products/2"),
    ("POST", "/products/2/stock/increase"),
    ("POST", "/products/2/stock/decrease"),
]
BAD_PRODUCTS = {
    **{f"price {kind}": product(price=value) for kind, value in NUMBERS.items()},
    **{f"stock {kind}": product(stock=value) for kind, value in NUMBERS.items()},
    **{f"id {kind}": product(id=value) for kind, value in NUMBERS.items() if kind != "null"},
    **{f"name {kind}": product(name=value) for kind, value in TEXTS.items()},
    **{f"image {kind}": product(imageUrl=value) for kind, value in TEXTS.items() if kind != "empty"},
    "id zero": product(id="0"),
    "id 2^53": product(id=str(2**53)),
    "price too high": product(price=str(10**12 + 1)),
    "unknown field": product(colour='"red"'),
    "no name": b'{"price": 1}',
    "no price": b'{"name": "LAMP"}',
}
BAD_CHANGES = {
    **{f"price {kind}": written(price=value) for kind, value in NUMBERS.items()},
    **{f"name {kind}": written(name=value) for kind, value in TEXTS.items()},
    **{f"withdrawn {value}": written(withdrawn=value) for value in ("1", '"true"', "null")},
    "stock": written(stock="5"),
    "version": written(version="5"),
    "id": written(id="5"),
    "unknown field": written(colour='"red"'),
    "nothing to change": b"{}",
}
BAD_QUANTITIES = {
    **{kind: written(quantity=value) for kind, value in NUMBERS.items()},
    "zero": written(quantity="0"),
    "none": b"{}",
    "unknown field": written(quantity="1", unit='"box"'),
}
BAD_RESERVATIONS = {
    **{f"quantity {kind}": reservation(quantity=value) for kind, value in NUMBERS.items()},
    **{f"product {kind}": reservation(productId=value) for kind, value in NUMBERS.items()},
    **{f"order {kind}": reservation(orderId=value) for kind, value in TEXTS.items()},
    "quantity zero": reservation(quantity="0"),
    "unknown field": reservation(colour='"red"'),
}


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(("body", "status"), SYNTAX.values(), ids=SYNTAX.keys())
async def test_what_is_no_json_object_is_refused(
    products: httpx.AsyncClient, sql: Any, method: str, path: str, body: bytes, status: int
) -> None:
    before = await content(sql)
    assert_problem(await products.request(method, path, content=body, headers=JSON), status)
    assert await content(sql) == before


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_another_content_type_is_refused(
    products: httpx.AsyncClient, method: str, path: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert_problem(await products.request(method, path, content=product(), headers=headers), 415)


@pytest.mark.parametrize("body", BAD_PRODUCTS.values(), ids=BAD_PRODUCTS.keys())
async def test_a_bad_product_is_not_added(products: httpx.AsyncClient, sql: Any, body: bytes) -> None:
    before = await content(sql)
    assert_problem(await products.post("/products", content=body, headers=JSON | {"Idempotency-Key": "k"}), 422)
    assert await content(sql) == before


async def test_an_id_that_is_too_high_is_refused_with_the_highest(products: httpx.AsyncClient) -> None:
    answer = await products.post("/products", content=product(id=str(2**53)), headers=JSON)
    assert f"less than or equal to {2**53 - 1}" in answer.json()["detail"]


@pytest.mark.parametrize("body", BAD_CHANGES.values(), ids=BAD_CHANGES.keys())
async def test_a_bad_change_is_not_made(products: httpx.AsyncClient, sql: Any, body: bytes) -> None:
    before = await content(sql)
    assert_problem(await products.patch("/products/2", content=body, headers=JSON), 422)
    assert await content(sql) == before


@pytest.mark.parametrize("way", ["increase", "decrease"])
@pytest.mark.parametrize("body", BAD_QUANTITIES.values(), ids=BAD_QUANTITIES.keys())
async def test_stock_is_not_changed_by_a_bad_quantity(
    products: httpx.AsyncClient, sql: Any, way: str, body: bytes
) -> None:
    before = await content(sql)
    headers = JSON | {"Idempotency-Key": "k"}
    assert_problem(await products.post(f"/products/2/stock/{way}", content=body, headers=headers), 422)
    assert await content(sql) == before


@pytest.mark.parametrize("product_id", ["0", "-1", "1.0", "1_0", "+1", "x", "%00", "٣", str(2**63), "9" * 5000])
async def test_a_path_without_a_product_id_is_refused(products: httpx.AsyncClient, product_id: str) -> None:
    assert_problem(await products.get(f"/products/{product_id}"), 422)
    assert_problem(await products.patch(f"/products/{product_id}", json={"price": 1}), 422)
    assert_problem(await products.post(f"/products/{product_id}/stock/increase", json={"quantity": 1}), 422)


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "caf\u00e9"])
async def test_a_bad_idempotency_key_is_refused(products: httpx.AsyncClient, sql: Any, key: str) -> None:
    before = await content(sql)
    headers = JSON | {"Idempotency-Key": key.encode("latin-1").decode("latin-1")}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await products.post("/products/2/stock/increase", content=b'{"quantity": 1}', headers=raw)
    assert_problem(answer, 400)
    assert await content(sql) == before


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=many", "after=-1", "after=x", f"after={2**63}", "after=", "page=2"]
)
async def test_an_absurd_query_is_refused(products: httpx.AsyncClient, query: str) -> None:
    assert_problem(await products.get(f"/products?{query}"), 422)


@pytest.mark.parametrize("body", BAD_RESERVATIONS.values(), ids=BAD_RESERVATIONS.keys())
async def test_a_bad_reservation_takes_nothing(participant: httpx.AsyncClient, sql: Any, body: bytes) -> None:
    before = await content(sql)
    assert_problem(await participant.post("/participant/reservations", content=body, headers=JSON), 422)
    assert await content(sql) == before


async def test_a_reservation_of_an_unknown_product_leaves_nothing(participant: httpx.AsyncClient, sql: Any) -> None:
    before = await content(sql)
    body = reservation(productId=str(2**63 - 1))
    assert_problem(await participant.post("/participant/reservations", content=body, headers=JSON), 404)
    assert await content(sql) == before


@pytest.mark.parametrize("order_id", ["7", "nonsense", ORDER + "0", "%00"])
async def test_releasing_what_is_no_order_is_refused(participant: httpx.AsyncClient, sql: Any, order_id: str) -> None:
    before = await content(sql)
    assert_problem(await participant.post(f"/participant/reservations/{order_id}/release"), 422)
    assert await content(sql) == before


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:shop:problem:")
    assert problem["title"]
    assert problem["detail"]
