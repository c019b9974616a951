"""Feeding a live read model again: what is missing comes back, what is right stays, sums are exact."""

import asyncio

import pytest

from events.merged_model import MergedModel
from events.topics import declare
from lab.replay.errors import NotAMoment
from lab.replay.feeding import Fed, feed
from lab.replay.moments import parse
from orders_svc.read_models.order_history import MODEL as HISTORY
from orders_svc.read_models.product_copy import MODEL as PRODUCTS
from orders_svc.read_models.sales import MODEL as SALES
from tests.events.stand import product
from tests.lab.replay.following import Following, sums
from tests.lab.replay.journeys import journeys, sold, told
from tests.lab.replay.test_past import Recorder
from tests.lab.replay.wire import send, wire


async def fed(following: Following, model: MergedModel, since: str = "beginning") -> Fed:
    return await feed(model, following.kafka, following.url, since=parse(since))


@pytest.mark.parametrize(
    ("model", "lost"),
    [
        (PRODUCTS, "DELETE FROM product_copy WHERE product_id < 3"),
        (HISTORY, "DELETE FROM history_orders WHERE status = 'confirmed'"),
        (HISTORY, "DELETE FROM history_steps"),
        (SALES, "DELETE FROM sales_orders WHERE sold"),
        (SALES, "DELETE FROM sales WHERE product_id = 2"),
        (SALES, "WITH gone AS (DELETE FROM sales_orders WHERE product_id = 2) DELETE FROM sales WHERE product_id < 3"),
        (SALES, "UPDATE sales SET revenue = 1, units = 0"),
    ],
)
async def test_what_was_deleted_comes_back(following: Following, model: MergedModel, lost: str) -> None:
    await following.publish(*told(journeys(20)), *(product(key, version) for version in (1, 2) for key in (1, 2, 3)))
    await following.project(model)
    right, positions = await following.tables(model), await following.positions(model)
    await following.connection.execute(lost)
    assert await following.tables(model) != right

    told_again = await fed(following, model)

    assert await following.tables(model) == right
    assert await following.positions(model) == positions
    assert told_again.counts.read == told_again.counts.decoded == sum(positions.values())
    assert (await following.rebuild(model, check=True)).equal


async def test_what_is_right_is_not_touched(following: Following) -> None:
    await following.publish(*told(journeys(20)), product(1, 1), product(1, 3), product(1, 2))
    for model, table in ((PRODUCTS, "product_copy"), (HISTORY, "history_orders"), (SALES, "sales_orders")):
        await following.project(model)
        rows = await following.rows(f"SELECT xmin::text, t.*::text FROM {table} t ORDER BY 2")
        await fed(following, model)
        assert await following.rows(f"SELECT xmin::text, t.*::text FROM {table} t ORDER BY 2") == rows
    assert sums((await following.tables(SALES))["sales"]) == sold(journeys(20))


async def test_a_newer_state_in_the_live_model_is_never_set_back(following: Following) -> None:
    await following.publish(product(1, 1))
    await following.project(PRODUCTS)
    await following.connection.execute("UPDATE product_copy SET version = 9, stock = 99")
    await fed(following, PRODUCTS)
    assert await following.rows("SELECT version, stock FROM product_copy") == [(9, 99)]


async def test_only_what_came_since_the_moment_comes_back(following: Following) -> None:
    recorder = Recorder(following, SALES)
    step = await recorder.step(*told(journeys(5)))
    await recorder.step(*told(journeys(5, first=6)))
    await following.connection.execute("DELETE FROM sales_orders")
    again = await feed(SALES, following.kafka, following.url, since=step.offsets_of(SALES))
    assert sums((await following.tables(SALES))["sales"]) == sold(journeys(5, first=6))
    assert again.counts.read == len([event for event in told(journeys(5, first=6)) if event.topic == "orders"])


async def test_what_the_live_model_has_not_handled_is_left_to_its_worker(following: Following) -> None:
    with pytest.raises(NotAMoment, match="sales has handled nothing after that moment"):
        await fed(following, SALES)
    await following.publish(*told(journeys(5)))
    await following.project(SALES)
    await following.publish(*told(journeys(5, first=6)))
    before, positions = await following.tables(SALES), await following.positions(SALES)
    await fed(following, SALES)
    assert (await following.tables(SALES), await following.positions(SALES)) == (before, positions)
    with pytest.raises(NotAMoment, match="nothing to feed again"):
        await fed(following, SALES, "end")
    await following.project(SALES)
    assert sums((await following.tables(SALES))["sales"]) == sold(journeys(10))


async def test_a_partition_that_the_live_model_has_not_begun_is_begun_at_its_beginning(following: Following) -> None:
    first, late = journeys(3), journeys(2, first=100)
    await following.publish(*told(first))
    await following.project(SALES)
    await declare(following.kafka, partitions=3, say=lambda line: None)
    records = [wire(event) for event in told(late) if event.topic == "orders"]
    await send(following.kafka, "orders", *records, partition=2)
    half = len(records) // 2
    await fed(following, SALES, f"orders:0=0,orders:1=0,orders:2={half}")
    await following.project(SALES)
    assert sums((await following.tables(SALES))["sales"]) == sold([*first, *late])


@pytest.mark.parametrize("model", [HISTORY, SALES], ids=lambda model: str(model.name))
async def test_it_works_beside_the_live_models_worker(following: Following, model: MergedModel) -> None:
    """Both write the same rows at the same time: late events of the orders that are fed again."""
    events = told(journeys(60))
    await following.publish(*events[:80])
    await following.project(model)
    fully = asyncio.Event()

    async def live() -> None:
        for begin in range(80, len(events), 20):
            await following.publish(*events[begin : begin + 20])
            await following.project(model, at_a_time=5)
        fully.set()

    async def again() -> int:
        rounds = 0
        while not fully.is_set():
            await fed(following, model)
            rounds += 1
        return rounds

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        rounds = group.create_task(again())

    assert rounds.result() >= 1
    await following.project(model)
    assert (await following.rebuild(model, check=True)).equal
    assert await following.dead_letters() == 0
    if model is SALES:
        assert sums((await following.tables(SALES))["sales"]) == sold(journeys(60))
