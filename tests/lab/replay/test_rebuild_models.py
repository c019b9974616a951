"""Rebuilding order history and sales: many tables, several topics, and sums."""

from datetime import timedelta

import pytest

from events.envelope import record
from events.merged_model import MergedModel
from lab.replay import bulk, loading
from orders_svc.read_models.order_history import MODEL as HISTORY
from orders_svc.read_models.sales import MODEL as SALES
from tests.lab.replay.following import Following, sums
from tests.lab.replay.journeys import Journey, journeys, sold, told

both = pytest.mark.parametrize("model", [HISTORY, SALES], ids=lambda model: str(model.name))
ORDERS = journeys(20)


@both
async def test_an_equal_model_is_swapped_in_and_the_positions_stay(following: Following, model: MergedModel) -> None:
    await following.publish(*told(ORDERS))
    await following.project(model, at_a_time=7)
    tables, positions = await following.tables(model), await following.positions(model)
    old = [await following.rows("SELECT to_regclass($1)::oid", name) for name in tables]

    done = await following.rebuild(model)

    assert done.equal
    assert done.swapped
    assert {proof.table for proof in done.proofs} == set(tables)
    assert done.counts.decoded == done.counts.read == sum(positions.values())
    assert await following.tables(model) == tables
    assert await following.positions(model) == positions
    assert [await following.rows("SELECT to_regclass($1)::oid", name) for name in tables] != old
    assert await following.leftovers() == []


async def test_sales_are_what_the_orders_add_up_to(following: Following) -> None:
    await following.publish(*told(ORDERS))
    await following.project(SALES)
    assert (await following.rebuild(SALES)).swapped
    assert sums((await following.tables(SALES))["sales"]) == sold(ORDERS)


@both
async def test_the_first_build_is_a_replay_of_all_history(following: Following, model: MergedModel) -> None:
    """Nothing has ever followed the topics for this model; its worker goes on where the build has ended."""
    await following.publish(*told(ORDERS[:15]))

    done = await following.rebuild(model, patience=0)

    assert done.swapped
    assert done.behind == done.counts.read == sum((await following.positions(model)).values())
    built = await following.tables(model)
    await following.project(model)
    assert await following.tables(model) == built, "what was built is not handled once more"
    await following.publish(*told(ORDERS[15:]))
    await following.project(model)
    assert (await following.rebuild(model, check=True)).equal
    if model is SALES:
        assert sums((await following.tables(SALES))["sales"]) == sold(ORDERS)


@both
@pytest.mark.parametrize("followed", [0, 1_000_000], ids=["added up anew", "following"])
async def test_a_live_model_that_is_behind_is_compared_where_it_stands_and_taken_on(
    following: Following, model: MergedModel, followed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FOLLOWED", followed)
    events = told(ORDERS)
    await following.publish(*events[:40])
    await following.project(model)
    await following.publish(*events[40:])
    stood = sum((await following.positions(model)).values())

    done = await following.rebuild(model, patience=0)

    assert done.equal
    assert done.swapped
    assert stood + done.behind == sum((await following.positions(model)).values()) == done.counts.read
    taken_on = await following.tables(model)
    await following.project(model)
    assert await following.tables(model) == taken_on, "the worker passes over what the new one has"
    if model is SALES:
        assert sums(taken_on["sales"]) == sold(ORDERS)


async def test_check_leaves_a_model_that_is_behind_where_it_is(following: Following) -> None:
    await following.publish(*told(ORDERS[:10]))
    await following.project(SALES)
    await following.publish(*told(ORDERS[10:]))
    tables, positions = await following.tables(SALES), await following.positions(SALES)
    done = await following.rebuild(SALES, patience=0, check=True)
    assert (done.equal, done.swapped, done.behind > 0) == (True, False, True)
    assert (await following.tables(SALES), await following.positions(SALES)) == (tables, positions)


ONE = Journey(1, "cancelled")
STEP = f"order {ONE.order_id}, topic stock, sequence 1"


@pytest.mark.parametrize(
    ("model", "drift", "key", "says"),
    [
        (
            HISTORY,
            "UPDATE history_orders SET status = 'confirmed', reason = NULL",
            f"order {ONE.order_id}",
            "status: live confirmed, rebuilt cancelled; reason: live None, rebuilt no need",
        ),
        (HISTORY, "DELETE FROM history_steps WHERE topic = 'stock'", STEP, "missing in the live model"),
        (
            HISTORY,
            "INSERT INTO history_steps VALUES (gen_random_uuid(), 'stock', 9, 'StockLost', now(), NULL)",
            "topic stock, sequence 9",
            "only in the live model",
        ),
        (
            SALES,
            "UPDATE sales SET revenue = revenue + 1, units = 3",
            "product 2, day 2026-11-23",
            "units: live 3, rebuilt 0; revenue: live 1, rebuilt 0",
        ),
        (SALES, "DELETE FROM sales", "product 2, day 2026-11-23", "missing in the live model"),
        (
            SALES,
            "UPDATE sales_orders SET sold = true, amount = NULL",
            f"order {ONE.order_id}",
            "sold: live true, rebuilt false; amount: live None, rebuilt 1000",
        ),
    ],
)
async def test_drift_is_found_and_named_and_only_force_mends_it(
    following: Following, model: MergedModel, drift: str, key: str, says: str
) -> None:
    await following.publish(*ONE.events())
    await following.project(model)
    right = await following.tables(model)
    await following.connection.execute(drift)
    wrong, table = await following.tables(model), drift.replace("FROM ", "").replace("INTO ", "").split()[1]
    assert wrong != right

    done = await following.rebuild(model)

    assert not done.equal
    assert not done.swapped
    named = {proof.table: proof.differences for proof in done.proofs if not proof.equal}
    assert named.keys() == {table}
    assert [what for at, what in named[table].items() if at.endswith(key)] == [says]
    assert await following.tables(model) == wrong
    assert (await following.rebuild(model, force=True)).swapped
    assert await following.tables(model) == right
    assert await following.leftovers() == []


async def test_a_microsecond_and_an_empty_text_are_differences_too(following: Following) -> None:
    await following.publish(*ONE.events())
    await following.project(HISTORY)
    await following.connection.execute(
        "UPDATE history_steps SET at = at + interval '1 microsecond' WHERE topic = 'stock' AND sequence = 1"
    )
    await following.connection.execute("UPDATE history_steps SET note = '' WHERE note IS NULL AND topic = 'deliveries'")
    (differs,) = (proof for proof in (await following.rebuild(HISTORY)).proofs if not proof.equal)
    assert set(differs.differences) == {STEP, f"order {ONE.order_id}, topic deliveries, sequence 1"} | {
        f"order {ONE.order_id}, topic deliveries, sequence 2"
    }


@both
async def test_events_that_were_published_twice_or_come_late_count_once(
    following: Following, model: MergedModel
) -> None:
    events = told(ORDERS)
    await following.publish(*(again for event in events for again in (event, event)), *events[:50])
    await following.project(model, at_a_time=9)
    live = await following.tables(model)
    done = await following.rebuild(model)
    assert done.equal
    assert await following.tables(model) == live
    if model is SALES:
        assert sums(live["sales"]) == sold(ORDERS)


@both
@pytest.mark.parametrize("chunk", [3, 150])
async def test_many_small_chunks_make_the_same_model(
    following: Following, model: MergedModel, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an order's events are spread over chunks: those of a chunk may know less than what is there."""
    monkeypatch.setattr(loading, "CHUNK", chunk)
    many = journeys(400 if chunk > 100 else 20)
    await following.publish(*told(many))
    await following.project(model)
    live = await following.tables(model)
    done = await following.rebuild(model)
    assert done.equal
    assert await following.tables(model) == live
    if model is SALES:
        assert sums(live["sales"]) == sold(many)


async def test_an_order_whose_beginning_is_on_no_topic_yet_adds_nothing(following: Following) -> None:
    order = Journey(3, "confirmed")
    late = [event for event in order.events() if event.sequence > 1 or event.topic != "orders"]
    await following.publish(*late)
    await following.project(SALES)
    assert (await following.rebuild(SALES)).equal
    assert sums((await following.tables(SALES))["sales"]) == {}
    await following.publish(order.placed())
    await following.project(SALES)
    assert (await following.rebuild(SALES)).equal
    assert sums((await following.tables(SALES))["sales"]) == sold([order])


async def test_a_day_ends_at_midnight_utc_wherever_the_clock_stood(following: Following) -> None:
    order = Journey(1, "pending")
    at = order.at.replace(hour=23, minute=59, second=59, microsecond=999_999)
    for number, time in enumerate((at, at + timedelta(microseconds=1)), 1):
        placed = Journey(number * 3, "pending").placed()
        await following.publish(record(placed.data, sequence=1, time=time))
    await following.project(SALES)
    assert (await following.rebuild(SALES)).equal
    days = [str(day) for _, day, *_ in (await following.tables(SALES))["sales"]]
    assert days == ["2026-11-23", "2026-11-24"]
