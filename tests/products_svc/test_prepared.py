"""products as a participant in two-phase commit: its vote is a promise, and bad requests change nothing."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from kit.ids import new_id
from tests.products_svc.conftest import Start
from tests.products_svc.shelf import assert_the_ledger_adds_up, stock_of

PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"


@pytest.fixture
async def products(start: Start, sql: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with start(wiring="2pc", in_doubt_seconds=600, lock_timeout_seconds=0.2) as client:
        yield client
        for row in await sql.fetch(PREPARED):
            await sql.execute(f"ROLLBACK PREPARED '{row['gid']}'")


async def vote(products: httpx.AsyncClient, transaction: UUID, *, quantity: int = 3, **wish: Any) -> httpx.Response:
    body = {"transactionId": str(transaction), "orderId": str(transaction), "productId": 2, "quantity": quantity}
    return await products.post("/participant/prepared/reservations", json=body | wish)


async def finish(products: httpx.AsyncClient, transaction: UUID, how: str) -> httpx.Response:
    return await products.post(f"/participant/prepared/{transaction}/{how}")


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_what_was_voted_for_is_seen_by_nobody_until_it_is_committed(
    products: httpx.AsyncClient, sql: Any
) -> None:
    before, transaction = await stock_of(sql, 2), new_id()

    assert (await vote(products, transaction)).json()["state"] == "prepared"
    assert await stock_of(sql, 2) == before
    assert [row["gid"] for row in await sql.fetch(PREPARED)] == [f"shop-2pc-products-{transaction}"]
    listed = (await products.get("/participant/prepared")).json()["items"]
    assert [one["transactionId"] for one in listed] == [str(transaction)]

    assert (await finish(products, transaction, "commit")).status_code == 200
    assert await stock_of(sql, 2) == before - 3
    await assert_the_ledger_adds_up(sql)


async def test_rolled_back_it_was_never_there(products: httpx.AsyncClient, sql: Any) -> None:
    before, transaction = await stock_of(sql, 2), new_id()
    await vote(products, transaction)

    assert (await finish(products, transaction, "rollback")).status_code == 200
    assert await stock_of(sql, 2) == before
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 0


async def test_committing_twice_has_the_effect_of_once(products: httpx.AsyncClient, sql: Any) -> None:
    before, transaction = await stock_of(sql, 2), new_id()
    await vote(products, transaction)

    answers = [await finish(products, transaction, "commit") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await stock_of(sql, 2) == before - 3


@pytest.mark.parametrize("how", ["commit", "rollback"])
async def test_an_unknown_transaction_is_404(products: httpx.AsyncClient, sql: Any, how: str) -> None:
    assert kind(await finish(products, new_id(), how)) == (404, "unknown-transaction")


async def test_the_same_vote_twice_is_409_and_the_first_one_stands(products: httpx.AsyncClient, sql: Any) -> None:
    before, transaction = await stock_of(sql, 2), new_id()
    await vote(products, transaction)

    assert kind(await vote(products, transaction)) == (409, "voted-already")
    await finish(products, transaction, "commit")
    assert kind(await vote(products, transaction, orderId=str(new_id()))) == (409, "voted-already")
    assert await stock_of(sql, 2) == before - 3


async def test_a_vote_that_another_replica_has_given_is_409_too(
    products: httpx.AsyncClient, start: Start, sql: Any
) -> None:
    transaction = new_id()
    await vote(products, transaction)
    async with start(wiring="2pc", in_doubt_seconds=600, lock_timeout_seconds=0.2) as replica:
        assert kind(await vote(replica, transaction)) == (409, "voted-already")
        assert (await finish(replica, transaction, "commit")).status_code == 200
    assert (await finish(products, transaction, "commit")).status_code == 200


async def test_what_was_committed_cannot_be_rolled_back(products: httpx.AsyncClient, sql: Any) -> None:
    before, transaction = await stock_of(sql, 2), new_id()
    await vote(products, transaction)
    await finish(products, transaction, "commit")

    assert kind(await finish(products, transaction, "rollback")) == (409, "committed-already")
    assert await stock_of(sql, 2) == before - 3


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"productId": 77, "quantity": 2}, (409, "out-of-stock")),
        ({"productId": 99}, (404, "unknown-product")),
        ({"quantity": 0}, (422, "invalid-request")),
        ({"transactionId": "x"}, (422, "invalid-request")),
        ({"colour": "red"}, (422, "invalid-request")),
    ],
)
async def test_a_vote_that_is_no_leaves_nothing(
    products: httpx.AsyncClient, sql: Any, wish: dict[str, Any], expected: tuple[int, str]
) -> None:
    transaction = new_id()
    await products.post("/products", json={"id": 77, "name": "RARE", "price": 1, "stock": 1, "imageUrl": ""})

    assert kind(await vote(products, transaction, **wish)) == expected
    assert await sql.fetch(PREPARED) == []
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 0
    assert kind(await finish(products, transaction, "commit")) == (404, "unknown-transaction")


async def test_an_order_has_one_reservation_whatever_the_transaction(products: httpx.AsyncClient, sql: Any) -> None:
    transaction, before = new_id(), await stock_of(sql, 2)
    await vote(products, transaction)
    await finish(products, transaction, "commit")

    assert kind(await vote(products, new_id(), orderId=str(transaction))) == (409, "decided-before")
    assert await stock_of(sql, 2) == before - 3


async def test_a_product_that_is_locked_is_503_after_the_time_out_and_others_are_sold(
    products: httpx.AsyncClient, sql: Any
) -> None:
    first, second, other = new_id(), new_id(), new_id()
    await vote(products, first)

    assert kind(await vote(products, second)) == (503, "locked")
    assert (await vote(products, other, productId=1, quantity=1)).status_code == 200
    await finish(products, first, "rollback")
    assert (await vote(products, second)).status_code == 200


async def test_putting_back_is_voted_on_too(products: httpx.AsyncClient, sql: Any) -> None:
    before, placed, undone = await stock_of(sql, 2), new_id(), new_id()
    await vote(products, placed)
    await finish(products, placed, "commit")

    wish = {"transactionId": str(undone), "orderId": str(placed)}
    assert (await products.post("/participant/prepared/releases", json=wish)).status_code == 200
    assert await stock_of(sql, 2) == before - 3
    await finish(products, undone, "commit")
    assert await stock_of(sql, 2) == before
    await assert_the_ledger_adds_up(sql)
