"""What a shopkeeper can do over HTTP, the same in either wiring; only the events wiring announces it."""

import asyncio
from typing import Any

import httpx
import pytest

from kit.database import Connection, Database, Query, Row
from kit.problems import Problem
from products_svc import idempotency
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import announced, assert_the_ledger_adds_up, stock_of

LAMP = {"id": 17, "name": "LAMP", "price": 2990, "stock": 100, "imageUrl": "/images/lamp.png"}


async def test_a_product_is_shown_as_it_is(products: httpx.AsyncClient) -> None:
    answer = await products.get("/products/2")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": 2,
        "name": "MASK",
        "price": 20000,
        "stock": 2000000,
        "imageUrl": "",
        "withdrawn": False,
        "version": 1,
    }


async def test_a_product_that_is_not_there_is_not_found(products: httpx.AsyncClient) -> None:
    answer = await products.get("/products/99")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:shop:problem:unknown-product")


async def test_pages_follow_each_other_and_miss_nothing(products: httpx.AsyncClient) -> None:
    seen, path = [], "/products?limit=2"
    while path:
        page = (await products.get(path)).json()
        seen.append([one["id"] for one in page["items"]])
        path = page["next"]
    assert seen == [[1, 2], [3, 4], [5]]


async def test_a_product_is_added_with_its_stock(products: httpx.AsyncClient, sql: Any) -> None:
    answer = await products.post("/products", json=LAMP)
    assert (answer.status_code, answer.headers["location"]) == (201, "/products/17")
    assert answer.json() == LAMP | {"withdrawn": False, "version": 1}
    assert (await products.get("/products/17")).json() == answer.json()
    await assert_the_ledger_adds_up(sql)


async def test_without_an_id_it_gets_the_next_one(products: httpx.AsyncClient) -> None:
    new = {"name": "LAMP", "price": 2990}
    answers = await asyncio.gather(*(products.post("/products", json=new) for _ in range(5)))
    assert sorted(answer.json()["id"] for answer in answers) == [6, 7, 8, 9, 10]


async def test_after_the_highest_id_there_is_no_next_one(products: httpx.AsyncClient, sql: Any) -> None:
    assert (await products.post("/products", json=LAMP | {"id": 2**53 - 1})).status_code == 201
    refused = await products.post("/products", json={"name": "TORCH", "price": 1})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:problem:no-id-left")
    assert (await products.post("/products", json=LAMP)).status_code == 201


async def test_a_product_whose_id_is_higher_than_may_be_given_changes_nothing_for_the_others(
    products: httpx.AsyncClient, sql: Any
) -> None:
    await sql.execute("UPDATE products SET id = $1 WHERE id = 5", 2**63 - 1)
    answer = await products.post("/products", json={"name": "LAMP", "price": 2990})
    assert (answer.status_code, answer.json()["id"]) == (201, 5)


async def test_an_id_is_given_once(products: httpx.AsyncClient, sql: Any) -> None:
    assert (await products.post("/products", json=LAMP)).status_code == 201
    await products.post("/products/17/stock/decrease", json={"quantity": 1})
    again = await products.post("/products", json=LAMP)
    assert (again.status_code, again.json()["stock"]) == (200, 99)
    for other in ({"price": 1}, {"stock": 99}, {"name": "TORCH"}, {"imageUrl": ""}):
        refused = await products.post("/products", json=LAMP | other)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:shop:problem:id-taken")
    await assert_the_ledger_adds_up(sql)


async def test_a_change_leaves_the_rest_as_it_is(products: httpx.AsyncClient) -> None:
    changed = (await products.patch("/products/2", json={"price": 19900})).json()
    assert (changed["price"], changed["name"], changed["stock"], changed["version"]) == (19900, "MASK", 2000000, 2)
    same = (await products.patch("/products/2", json={"price": 19900})).json()
    assert same["version"] == 2


async def test_a_product_is_withdrawn_and_can_come_back(products: httpx.AsyncClient) -> None:
    assert (await products.patch("/products/2", json={"withdrawn": True})).json()["withdrawn"] is True
    assert (await products.patch("/products/2", json={"withdrawn": False})).json()["withdrawn"] is False
    assert (await products.delete("/products/2")).status_code == 405


async def test_stock_cannot_be_set_and_the_refusal_names_the_way(products: httpx.AsyncClient, sql: Any) -> None:
    answer = await products.patch("/products/2", json={"stock": 5, "price": 1})
    assert answer.status_code == 422
    assert "/stock/increase" in answer.json()["detail"]
    assert "/stock/decrease" in answer.json()["detail"]
    assert (await products.get("/products/2")).json()["price"] == 20000


async def test_stock_changes_by_amounts_that_add_up(products: httpx.AsyncClient, sql: Any) -> None:
    """The original wrote absolute numbers: of two changes at the same moment one was lost."""
    ways = ["increase", "increase", "decrease"] * 10
    await asyncio.gather(*(products.post(f"/products/2/stock/{way}", json={"quantity": 5}) for way in ways))
    assert await stock_of(sql, 2) == 2_000_000 + 10 * 5
    assert await sql.fetchval("SELECT count(*) FROM stock_ledger WHERE product_id = 2") == 31
    await assert_the_ledger_adds_up(sql)


async def test_stock_is_never_decreased_below_zero(products: httpx.AsyncClient, sql: Any) -> None:
    answer = await products.post("/products/2/stock/decrease", json={"quantity": 2_000_001})
    assert (answer.status_code, answer.json()["stock"]) == (409, 2_000_000)
    assert "2000000" in answer.json()["detail"]
    answers = await asyncio.gather(
        *(products.post("/products/2/stock/decrease", json={"quantity": 500_000}) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [409] * 2
    assert await stock_of(sql, 2) == 0
    await assert_the_ledger_adds_up(sql)


async def test_stock_of_an_unknown_product_is_not_found(products: httpx.AsyncClient) -> None:
    for way in ("increase", "decrease"):
        assert (await products.post(f"/products/99/stock/{way}", json={"quantity": 1})).status_code == 404


async def test_stock_has_a_limit_that_is_told(products: httpx.AsyncClient) -> None:
    codes = {
        (await products.post("/products/2/stock/increase", json={"quantity": 10**12})).status_code for _ in range(3)
    }
    assert codes == {200}
    assert (await products.post("/products/2/stock/increase", json={"quantity": 10**12 + 1})).status_code == 422


async def test_the_same_key_has_one_effect_and_one_answer(products: httpx.AsyncClient, sql: Any) -> None:
    path, body, key = "/products/2/stock/increase", {"quantity": 5}, {"Idempotency-Key": "note 7381"}
    first = await products.post(path, json=body, headers=key)
    await products.post(path, json={"quantity": 1})
    again = await products.post(path, json=body, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert await stock_of(sql, 2) == 2_000_006
    assert await sql.fetchval("SELECT count(*) FROM stock_ledger WHERE idempotency_key = 'note 7381'") == 1


async def test_the_same_key_at_the_same_moment_has_one_effect(products: httpx.AsyncClient, sql: Any) -> None:
    key = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(
        *(products.post("/products/2/stock/decrease", json={"quantity": 5}, headers=key) for _ in range(8))
    )
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert await stock_of(sql, 2) == 1_999_995
    await assert_the_ledger_adds_up(sql)


async def test_the_same_key_with_other_content_is_refused(products: httpx.AsyncClient, sql: Any) -> None:
    key = {"Idempotency-Key": "k"}
    await products.post("/products/2/stock/increase", json={"quantity": 5}, headers=key)
    others = [
        await products.post("/products/2/stock/increase", json={"quantity": 6}, headers=key),
        await products.post("/products/2/stock/decrease", json={"quantity": 5}, headers=key),
        await products.post("/products/3/stock/increase", json={"quantity": 5}, headers=key),
        await products.post("/products", json=LAMP, headers=key),
    ]
    assert {(answer.status_code, answer.json()["type"]) for answer in others} == {
        (422, "urn:shop:problem:idempotency-key-reused")
    }
    assert await stock_of(sql, 2) == 2_000_005


async def test_a_refused_request_does_not_use_up_its_key(products: httpx.AsyncClient, sql: Any) -> None:
    key = {"Idempotency-Key": "k"}
    taken = {"quantity": 3_000_000}
    assert (await products.post("/products/2/stock/decrease", json=taken, headers=key)).status_code == 409
    await products.post("/products/2/stock/increase", json={"quantity": 3_000_000})
    assert (await products.post("/products/2/stock/decrease", json=taken, headers=key)).status_code == 200


async def test_a_key_is_forgotten_after_a_day(products: httpx.AsyncClient, sql: Any) -> None:
    path, body, key = "/products/2/stock/increase", {"quantity": 5}, {"Idempotency-Key": "k"}
    await products.post(path, json=body, headers=key)
    await sql.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'")
    await products.post(path, json=body, headers=key)
    assert await stock_of(sql, 2) == 2_000_010


async def test_a_key_that_is_forgotten_while_it_is_looked_for_is_a_503(database: Database, sql: Any) -> None:
    class Forgetful(Connection):
        async def fetch_one(self, query: Query, **parameters: Any) -> Row | None:
            await sql.execute("DELETE FROM idempotency_keys")
            return await super().fetch_one(query, **parameters)

    async with database.connection() as connection:
        assert await idempotency.claim(connection, "k", "content") is None
    async with database.connection() as connection:
        with pytest.raises(Problem, match="try again") as refused:
            await idempotency.claim(Forgetful(connection.raw), "k", "content")
    assert (refused.value.status, refused.value.kind) == (503, "unavailable")


async def test_adding_a_product_twice_with_one_key_adds_one(products: httpx.AsyncClient) -> None:
    new, key = {"name": "LAMP", "price": 2990}, {"Idempotency-Key": "k"}
    answers = [await products.post("/products", json=new, headers=key) for _ in range(2)]
    assert [(one.status_code, one.headers["location"]) for one in answers] == [(201, "/products/6")] * 2
    assert (await products.get("/products/7")).status_code == 404


async def test_in_the_wiring_events_every_change_is_announced_with_its_version(start: Start, sql: Any) -> None:
    async with start(wiring="events") as products:
        await products.post("/products", json=LAMP)
        await products.patch("/products/17", json={"price": 1})
        await products.post("/products/17/stock/increase", json={"quantity": 1})
        await products.post("/products/17/stock/decrease", json={"quantity": 1000})
        await products.patch("/products/17", json={"withdrawn": True})
    events = await announced(sql)
    assert [(name, data["stock"], data["price"], data["withdrawn"]) for name, data in events] == [
        ("ProductChanged", 100, 2990, False),
        ("ProductChanged", 100, 1, False),
        ("ProductChanged", 101, 1, False),
        ("ProductChanged", 101, 1, True),
    ]


async def test_in_a_synchronous_wiring_nothing_is_announced(start: Start, sql: Any) -> None:
    async with start(wiring="chain") as products:
        await products.post("/products", json=LAMP)
        await products.patch("/products/17", json={"price": 1})
    assert await announced(sql) == []


async def test_the_participant_is_there_in_synchronous_wirings_only(start: Start) -> None:
    async with start(wiring="events") as products:
        assert (await products.post("/participant/reservations", json={})).status_code == 404


async def test_probes_and_metrics_answer(products: httpx.AsyncClient) -> None:
    assert (await products.get("/health/live")).status_code == 200
    assert (await products.get("/health/ready")).json()["status"] == "ready"
    assert "http_request_seconds" in (await products.get("/metrics")).text
