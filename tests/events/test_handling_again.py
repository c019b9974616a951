"""A dead letter is handled again by hand, with the very statement that docs/delivery-guarantees.md gives."""

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from events.catalogue import OrderPlaced
from events.envelope import Envelope
from events.outbox import Transaction
from events.reactions import Handler
from tests.events.stand import Stand, note, placed, publish, publish_raw, running
from tests.waiting import eventually

PAGE = Path(__file__).parents[2] / "docs" / "delivery-guarantees.md"


async def again(shop: Stand, letter: uuid.UUID) -> str:
    """Executes the page's statement for that dead letter; what PostgreSQL says it did."""
    (statement,) = [
        found for found in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL) if "UPDATE" in found
    ]
    async with shop.database.connection() as connection:
        said: str = await connection.raw.execute(re.sub(r"id = '[0-9a-f-]{36}'", f"id = '{letter}'", statement))
    return said


def choking_on(poison: Envelope[OrderPlaced]) -> Handler:
    async def choke(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        await note(transaction, envelopes)
        if poison.key in {envelope.key for envelope in envelopes}:
            raise ZeroDivisionError("cannot divide this order")

    return choke


async def reached(shop: Stand, end: int) -> bool:
    return bool(await shop.value("SELECT coalesce(sum(next_offset), 0) >= $1 FROM positions", end))


async def buried(shop: Stand) -> tuple[Any, ...]:
    (letter,) = await shop.rows("SELECT id, died_at, error FROM dead_letters")
    return letter


async def test_once_the_cause_is_fixed_the_event_has_its_effect_and_no_other_has_it_again(shop: Stand) -> None:
    orders = [placed() for _ in range(30)]
    await publish(shop.kafka, orders)
    async with running(shop.loop({OrderPlaced: choking_on(orders[11])})):
        await eventually(lambda: reached(shop, 30))
    letter = await buried(shop)

    assert await again(shop, letter[0]) == "UPDATE 1"
    await publish(shop.kafka, [last := placed()])
    async with running(shop.loop({OrderPlaced: note})):
        await eventually(lambda: reached(shop, 31))

    assert sorted(await shop.effects()) == sorted(order.key for order in [*orders, last])
    assert await buried(shop) == letter


async def test_an_event_that_fails_again_is_the_same_dead_letter_with_the_new_error(shop: Stand) -> None:
    order = placed()
    await publish(shop.kafka, [order])
    async with running(shop.loop({OrderPlaced: choking_on(order)})):
        await eventually(lambda: reached(shop, 1))
    id, died_at, _ = await buried(shop)

    async def refuse(transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> None:
        raise ValueError("still not")

    assert await again(shop, id) == "UPDATE 1"
    async with running(shop.loop({OrderPlaced: refuse})):
        await eventually(lambda: reached(shop, 1))
    same, later, error = await buried(shop)
    assert (same, error) == (id, "ValueError: still not")
    assert later > died_at


async def test_a_record_without_an_id_of_its_own_is_not_passed_over(shop: Stand) -> None:
    await publish_raw(shop.kafka, "orders", b"{}", [("ce_type", b"shop.orders.OrderPlaced.v1")])
    async with running(shop.loop()):
        await eventually(lambda: reached(shop, 1))
    id, died_at, _ = await buried(shop)

    assert await again(shop, id) == "UPDATE 1"
    async with running(shop.loop()):
        await eventually(lambda: reached(shop, 1))
    assert (await buried(shop))[1] > died_at


async def test_one_that_is_older_than_the_inbox_remembers_is_left_alone(shop: Stand) -> None:
    order = placed()
    await publish(shop.kafka, [order])
    async with running(shop.loop({OrderPlaced: choking_on(order)})):
        await eventually(lambda: reached(shop, 1))
    await shop.rows("UPDATE dead_letters SET id = uuidv7(interval '-30 days') RETURNING id")

    assert await again(shop, (await buried(shop))[0]) == "UPDATE 0"
    assert await reached(shop, 1)
    assert await shop.value("SELECT count(*) FROM inbox") == 1
