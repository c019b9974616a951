"""Causal order, against lifecycles that the three domains really produce, told by services whose clocks differ."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.catalogue import (
    CancellationRefused,
    DeliveryStarted,
    OrderCancellationRequested,
    OrderConfirmed,
)
from events.causality import Happening, in_causal_order
from events.envelope import Envelope
from tests.events.lifecycles import Envelopes, Shop, lifecycle


def happening(envelope: Envelope[Any]) -> Happening:
    return Happening(type(envelope.data).__name__, envelope.topic, envelope.sequence, envelope.time.timestamp())


def names(envelopes: Sequence[Envelope[Any]]) -> list[str]:
    return [type(one.data).__name__ for one in envelopes]


anything = st.lists(st.integers(0, 11), max_size=25)
delivered_first = anything.map(lambda rest: [2, 3, 2, 2, 2, 2, 1, 0, *rest])
choices = st.one_of(anything, delivered_first)
skews = st.tuples(*[st.floats(-3600, 3600)] * 3)
stocks = st.sampled_from([5, 5, 0])


@given(choices, skews, stocks, st.randoms(use_true_random=False))
def test_whatever_the_clocks_say_nothing_stands_before_what_it_answers(
    choices: list[int], skews: tuple[float, float, float], stock: int, random: Any
) -> None:
    shop = lifecycle(choices, skews, stock)
    shuffled = random.sample(shop.told, len(shop.told))
    found = in_causal_order(shuffled, happening)
    assert sorted(one.id for one in found) == sorted(one.id for one in shop.told)
    place = {one.id: number for number, one in enumerate(found)}
    for effect, cause in shop.triggers.items():
        assert place[cause] < place[effect], names(found)
    for topic in shop.topics.values():
        assert all(place[earlier.id] < place[later.id] for earlier, later in pairwise(topic))
    assert names(found)[0] == "OrderPlaced"
    if "DeliveryStarted" in names(found):
        assert names(found).index("StockReserved") < names(found).index("DeliveryStarted")


@given(choices, stocks)
def test_where_the_clocks_agree_it_is_the_order_in_which_it_happened(choices: list[int], stock: int) -> None:
    shop = lifecycle(choices, stock=stock)
    assert in_causal_order(reversed(shop.told), happening) == shop.told


@given(choices, skews, st.data())
def test_duplicates_stand_beside_what_they_repeat(
    choices: list[int], skews: tuple[float, float, float], data: st.DataObject
) -> None:
    shop = lifecycle(choices, skews)
    again = data.draw(st.lists(st.sampled_from(shop.told), max_size=5))
    found = in_causal_order([*shop.told, *again], happening)
    once = list({one.id: one for one in found}.values())
    assert once == in_causal_order(shop.told, happening)
    assert [one.id for one in found] == sorted((one.id for one in found), key=[one.id for one in once].index)


@given(choices, skews, st.data())
def test_causes_that_are_missing_are_not_waited_for(
    choices: list[int], skews: tuple[float, float, float], data: st.DataObject
) -> None:
    shop = lifecycle(choices, skews)
    kept = data.draw(st.lists(st.sampled_from(shop.told), unique_by=lambda one: one.id))
    found = in_causal_order(kept, happening)
    assert len(found) == len(kept)
    place = {one.id: number for number, one in enumerate(found)}
    for effect, cause in shop.triggers.items():
        if {effect, cause} <= place.keys() and is_certain(shop, effect, kept):
            assert place[cause] < place[effect]


def is_certain(shop: Shop, effect: UUID, kept: Envelopes) -> bool:
    """A confirmation can be told from a re-confirmation only beside the request that came before it."""
    told = {one.id: one for one in shop.told}
    if not isinstance(told[effect].data, OrderConfirmed):
        return True
    if isinstance(told[shop.triggers[effect]].data, DeliveryStarted):
        return True
    return any(isinstance(one.data, OrderCancellationRequested) for one in kept)


strange = st.builds(
    Happening,
    st.none() | st.sampled_from(["OrderPlaced", "OrderConfirmed", "StockReserved", "StockReleased", "Unheard"]),
    st.sampled_from(["orders", "stock", "deliveries", "elsewhere"]),
    st.none() | st.integers(-3, 8),
    st.floats(0, 100),
)


@given(st.lists(strange, max_size=30))
@example([Happening("StockReserved", "orders", 1, 1.0), Happening("OrderPlaced", "orders", 2, 0.0)])
def test_strange_records_are_put_somewhere_and_none_is_lost(records: list[Happening]) -> None:
    assert sorted(map(repr, in_causal_order(records, lambda one: one))) == sorted(map(repr, records))


@given(st.lists(st.floats(0, 100), max_size=10))
def test_what_is_not_known_goes_by_time(times: list[float]) -> None:
    records = [Happening(None, "orders", None, time) for time in times]
    assert in_causal_order(records, lambda one: one) == sorted(records, key=lambda one: one.time)


def test_a_refused_cancellation_stands_before_the_order_is_confirmed_again() -> None:
    shop = Shop({"orders": -60.0, "products": 0.0, "delivery": 60.0}, 5)
    shop.run_dry()
    shop.complete()
    shop.cancel()
    shop.run_dry()
    assert names(in_causal_order(shop.told, happening)) == [
        "OrderPlaced",
        "StockReserved",
        "DeliveryStarted",
        "OrderConfirmed",
        "OrderCancellationRequested",
        "DeliveryCompleted",
        CancellationRefused.__name__,
        "OrderConfirmed",
    ]


@pytest.mark.parametrize("skew", [0.0, 900.0, -900.0])
def test_a_cancelled_order_is_told_from_the_beginning_to_the_released_stock(skew: float) -> None:
    shop = Shop({"orders": 0.0, "products": skew, "delivery": -skew}, 5)
    shop.run_dry()
    shop.cancel()
    shop.run_dry()
    assert names(in_causal_order(shop.told, happening)) == [
        "OrderPlaced",
        "StockReserved",
        "DeliveryStarted",
        "OrderConfirmed",
        "OrderCancellationRequested",
        "DeliveryCancelled",
        "OrderCancelled",
        "StockReleased",
    ]
