"""GET /orders: pages that follow each other by key."""

import asyncio

import httpx


async def place(orders: httpx.AsyncClient, customer: str, count: int) -> set[str]:
    body = {"productId": 2, "quantity": 1, "customerId": customer}
    answers = await asyncio.gather(*(orders.post("/orders", json=body) for _ in range(count)))
    return {answer.json()["id"] for answer in answers}


async def walk(orders: httpx.AsyncClient, path: str) -> list[list[str]]:
    pages: list[list[str]] = []
    following: str | None = path
    while following is not None:
        page = (await orders.get(following)).json()
        pages.append([item["id"] for item in page["items"]])
        following = page["next"]
    return pages


async def test_without_orders_there_is_one_empty_page(orders: httpx.AsyncClient) -> None:
    assert (await orders.get("/orders")).json() == {"items": [], "next": None}


async def test_pages_follow_each_other_oldest_first_and_show_each_order_once(orders: httpx.AsyncClient) -> None:
    placed = await place(orders, "c-1", 25)
    pages = await walk(orders, "/orders?limit=10")
    assert [len(page) for page in pages] == [10, 10, 5]
    ids = [order_id for page in pages for order_id in page]
    assert ids == sorted(placed)


async def test_a_full_last_page_has_no_next(orders: httpx.AsyncClient) -> None:
    await place(orders, "c-1", 10)
    assert [len(page) for page in await walk(orders, "/orders?limit=10")] == [10]


async def test_one_customers_orders_are_found_with_whatever_is_in_the_id(orders: httpx.AsyncClient) -> None:
    mine = await place(orders, "Kim & söhne/=?", 7)
    await place(orders, "somebody else", 7)
    found = await orders.get("/orders", params={"customerId": "Kim & söhne/=?", "limit": 5})
    following = found.json()["next"]
    pages = await walk(orders, following)
    assert {item["id"] for item in found.json()["items"]} | set(pages[0]) == mine


async def test_orders_placed_between_two_pages_come_on_the_later_one(orders: httpx.AsyncClient) -> None:
    await place(orders, "c-1", 2)
    first = (await orders.get("/orders?limit=2")).json()
    assert first["next"] is None
    later = await place(orders, "c-1", 1)
    last = first["items"][-1]["id"]
    assert await walk(orders, f"/orders?limit=2&after={last}") == [sorted(later)]
