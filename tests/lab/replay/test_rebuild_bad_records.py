"""Records that cannot be read or stored: the live model made dead letters of them, a rebuild counts and names them."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from events.catalogue import ProductChanged
from events.envelope import record
from events.merged_model import MergedModel
from lab.replay import loading
from orders_svc.read_models.order_history import MODEL as HISTORY
from orders_svc.read_models.product_copy import MODEL as PRODUCTS
from orders_svc.read_models.sales import MODEL as SALES
from tests.events.stand import NOON, product
from tests.lab.replay.following import Following
from tests.lab.replay.journeys import Journey, journeys, told
from tests.lab.replay.wire import Wire, send, wire


def bad(number: int, how: str) -> Wire:
    """An OrderPlaced that is bad in some way."""
    order = Journey(number, "pending")
    endless = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
    ways: dict[str, Callable[[], Wire]] = {
        "no JSON": lambda: (wire(order.placed())[0], b"{", wire(order.placed())[2]),
        "no headers": lambda: (*wire(order.placed())[:2], []),
        "no value": lambda: (wire(order.placed())[0], None, wire(order.placed())[2]),
        "another key": lambda: (b"somebody else", *wire(order.placed())[1:]),
        "a version of the future": lambda: wire(order.placed(), ce_type=b"shop.orders.OrderPlaced.v9"),
        "a NUL character": lambda: wire(order.placed(product_name="cof\0fee")),
        "too many units": lambda: wire(
            record(order.placed().data.model_copy(update={"quantity": 2**70}), sequence=1, time=NOON)
        ),
        "too high a version": lambda: wire(order.placed(), ce_sequence=str(2**40).encode()),
        "before all time": lambda: wire(order.placed(), ce_time=b"0001-01-01T00:00:00+14:00"),
        "more than an index can hold": lambda: wire(
            record(order.placed().data.model_copy(update={"customer_id": endless}), sequence=1, time=NOON)
        ),
    }
    return ways[how]()


EVERY_WAY = (
    "no JSON",
    "no headers",
    "no value",
    "another key",
    "a version of the future",
    "a NUL character",
    "too many units",
    "too high a version",
    "before all time",
    "more than an index can hold",
)
OF_NO_CONCERN = {HISTORY.name: set(), SALES.name: {"a NUL character", "more than an index can hold"}}
"""What is bad in a field that the model does not keep is not bad for it."""


@pytest.mark.parametrize("model", [HISTORY, SALES], ids=lambda model: str(model.name))
@pytest.mark.parametrize("chunk", [20_000, 120, 2])
async def test_what_the_live_model_made_dead_letters_of_is_counted_and_named_and_the_rest_is_equal(
    following: Following, model: MergedModel, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way a chunk is written when it is refused: copied, staged, or merged."""
    monkeypatch.setattr(loading, "CHUNK", chunk)
    await send(following.kafka, "orders", *(bad(1000 + number, how) for number, how in enumerate(EVERY_WAY)))
    await following.publish(*told(journeys(100 if chunk > 2 else 10)))
    await send(
        following.kafka, "orders", *(bad(2000 + number, how) for number, how in enumerate(EVERY_WAY)), partition=1
    )
    await following.publish(*told(journeys(10, first=300)))
    await following.project(model)
    live, buried = await following.tables(model), await following.dead_letters()

    done = await following.rebuild(model)

    assert done.equal
    assert done.swapped
    assert await following.tables(model) == live
    expected = 2 * (len(EVERY_WAY) - len(OF_NO_CONCERN[model.name]))
    assert (done.counts.unreadable, len(done.counts.why), buried) == (expected, expected, expected)
    assert done.counts.read == done.counts.decoded + done.counts.unreadable + sum(done.counts.skipped.values())
    places = await following.rows('SELECT topic, partition, "offset" FROM dead_letters')
    assert set(done.counts.why) == {f"{topic}[{partition}]@{offset}" for topic, partition, offset in places}
    assert all(done.counts.why.values())


async def test_a_type_without_a_function_is_skipped_and_counted_by_its_name(following: Following) -> None:
    order = Journey(1, "confirmed")
    await following.publish(*order.events())
    await send(following.kafka, "orders", wire(order.placed(), ce_type=b"shop.orders.OrderAdmired.v3"))
    await following.project(SALES)
    done = await following.rebuild(SALES)
    assert done.equal
    assert (done.counts.read, done.counts.decoded, done.counts.skipped) == (3, 2, {"shop.orders.OrderAdmired.v3": 1})


def named(product_id: int, version: int, name: str) -> Any:
    event = ProductChanged(product_id=product_id, name=name, price=1, stock=1, image_url="", withdrawn=False)
    return record(event, sequence=version, time=NOON)


async def test_where_the_newest_of_a_product_cannot_be_read_or_stored_the_next_best_counts(
    following: Following,
) -> None:
    good, late = wire(product(1, 3)), wire(product(1, 2))
    broken = (good[0], b"{", wire(product(1, 4))[2])
    refused, overflowing = wire(named(1, 5, "N\0L")), wire(product(2, 7, stock=2**70))
    await send(following.kafka, "products", wire(product(1, 1)), good, broken, refused, late)
    await send(following.kafka, "products", wire(product(2, 1)), overflowing, wire(product(2, 2)), wire(product(2, 3)))
    await send(following.kafka, "products", wire(product(3, 1)), wire(product(3, 2)))
    await send(following.kafka, "products", wire(product(4, 1), ce_type=b"shop.products.ProductSeen.v1"))
    await send(following.kafka, "products", (b"5", b"{}", []), wire(product(3, 1), ce_sequence=b"first"))
    await following.project(PRODUCTS)
    live, buried = await following.tables(PRODUCTS), await following.dead_letters()

    done = await following.rebuild(PRODUCTS)

    assert done.equal
    assert await following.tables(PRODUCTS) == live
    assert [(row[0], row[6]) for row in live["product_copy"]] == [(1, 3), (2, 3), (3, 2)]
    counts = done.counts
    assert (counts.unreadable, buried) == (5, 5)
    assert counts.skipped == {"shop.products.ProductSeen.v1": 1}
    # Of 1 and 2 all that can be is decoded, of 3 the newest.
    assert (counts.decoded, counts.superseded) == (3 + 3 + 1, 1)
    assert counts.read == 14 == counts.decoded + counts.superseded + counts.unreadable + 1


async def test_a_product_of_which_nothing_can_be_read_is_in_neither(following: Following) -> None:
    await send(following.kafka, "products", wire(named(1, 1, "\0")), wire(named(1, 2, "\0\0")), wire(product(2, 1)))
    await following.project(PRODUCTS)
    done = await following.rebuild(PRODUCTS)
    assert done.equal
    assert [row[0] for row in (await following.tables(PRODUCTS))["product_copy"]] == [2]
    assert (done.counts.read, done.counts.unreadable) == (3, 2)
