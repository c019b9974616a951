"""Every read model says the same of the same events, in whatever order the topics and batches bring them, and it is
the truth."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import Envelope
from events.merged_model import MergedModel
from events.merging import MergedRow
from orders_svc.domain import Order
from orders_svc.read_models import MODELS, order_history, sales
from tests.events.lifecycles import Shop, lifecycle
from tests.events.stand import product

Tables = dict[str, list[MergedRow]]

choices = st.lists(st.integers(0, 11), max_size=20)
several = st.lists(st.tuples(choices, st.sampled_from([5, 5, 0])), min_size=1, max_size=4).map(
    lambda drawn: [
        lifecycle(acts, stock=stock, order_id=UUID(int=(7 << 76) | (2 << 62) | number))
        for number, (acts, stock) in enumerate(drawn)
    ]
)
products = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=30).map(
    lambda drawn: [product(product_id, version, stock=version * 10) for product_id, version in drawn]
)


def told(model: MergedModel, envelopes: Iterable[Envelope[Any]]) -> Tables:
    """What the model's tables hold after these events."""
    heard = [envelope for envelope in envelopes if type(envelope.data) in model.functions]
    return {
        name: table.merge(rows)
        for table in model.tables
        for name, rows in [(table.name, model.changes(heard)[table.name])]
    }


def interleaved(shops: Sequence[Shop], chance: Any) -> list[Envelope[Any]]:
    """All events: those of a key and topic in their order, anything else in any, and some of them twice."""
    queues = [list(events) for shop in shops for events in shop.topics.values() if events]
    found: list[Envelope[Any]] = []
    while queues:
        queue = chance.choice(queues)
        found.append(queue.pop(0))
        if chance.random() < 0.2:
            found.append(chance.choice(found))  # published twice
        queues = [queue for queue in queues if queue]
    return found


@pytest.mark.parametrize("name", ["order-history", "sales"])
@given(shops=several, chance=st.randoms(use_true_random=False))
def test_the_order_between_topics_makes_no_difference(name: str, shops: list[Shop], chance: Any) -> None:
    model = MODELS[name]
    as_it_was = [envelope for shop in shops for envelope in shop.told]
    assert told(model, interleaved(shops, chance)) == told(model, as_it_was)


@given(batch=products, chance=st.randoms(use_true_random=False))
def test_the_order_of_changes_makes_no_difference_to_the_product_copy(batch: list[Any], chance: Any) -> None:
    shuffled = [*batch, *batch]
    chance.shuffle(shuffled)
    assert told(MODELS["product-copy"], shuffled) == told(MODELS["product-copy"], batch)


@pytest.mark.parametrize("name", list(MODELS))
@given(shops=several, changes=products, chance=st.randoms(use_true_random=False))
def test_batches_may_be_cut_anywhere(name: str, shops: list[Shop], changes: list[Any], chance: Any) -> None:
    model = MODELS[name]
    events = [*(envelope for shop in shops for envelope in shop.told), *changes]
    cuts = sorted(chance.choices(range(len(events) + 1), k=4))
    pieces = [told(model, events[begin:end]) for begin, end in itertools.pairwise([0, *cuts, len(events)])]
    merged = {table.name: table.merge(row for piece in pieces for row in piece[table.name]) for table in model.tables}
    assert merged == told(model, events)


@given(shops=several)
def test_order_history_knows_of_each_order_what_orders_knows(shops: list[Shop]) -> None:
    found = {row[0]: row for row in told(order_history.MODEL, all_told(shops))["history_orders"]}
    for order in orders_of(shops):
        goods = (order.customer_id, order.product_id, order.product_name, order.quantity, order.amount, order.placed_at)
        assert found[order.id] == (order.id, order.version, order.status, order.reason, *goods)


@given(shops=several)
def test_order_history_has_every_step_once(shops: list[Shop]) -> None:
    steps = told(order_history.MODEL, [*all_told(shops), *all_told(shops)])["history_steps"]
    assert sorted((row[0], row[3], row[4]) for row in steps) == sorted(
        (envelope.data.order_id, type(envelope.data).__name__, envelope.time) for envelope in all_told(shops)
    )


@given(shops=several)
def test_what_counts_as_sold_are_the_confirmed_orders_on_the_day_they_were_placed(shops: list[Shop]) -> None:
    rows = told(sales.MODEL, all_told(shops))["sales_orders"]
    assert {row[0]: row[2:] for row in rows} == {
        order.id: (
            order.status == "confirmed",
            order.product_id,
            order.placed_at.astimezone(UTC).date(),
            order.quantity,
            order.amount,
        )
        for order in orders_of(shops)
    }


def all_told(shops: Sequence[Shop]) -> list[Envelope[Any]]:
    return [envelope for shop in shops for envelope in shop.told]


def orders_of(shops: Sequence[Shop]) -> list[Order]:
    return [shop.order for shop in shops]
