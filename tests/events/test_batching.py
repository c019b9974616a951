"""Events are handed to handlers type by type, and no aggregate's events change places by it."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from events.batching import groups
from events.catalogue import OrderCancellationRequested, OrderCancelled, OrderPlaced
from events.envelope import Envelope, record
from tests.events.stand import NOON, cancelled, placed

ORDERS = [uuid.UUID(int=number) for number in range(4)]


def requested(order_id: uuid.UUID, *, sequence: int) -> Envelope[OrderCancellationRequested]:
    return record(OrderCancellationRequested(order_id=order_id, reason="x"), sequence=sequence, time=NOON)


MAKERS: list[Callable[..., Envelope[Any]]] = [placed, cancelled, requested]
batches = st.lists(st.tuples(st.sampled_from(MAKERS), st.sampled_from(ORDERS)), max_size=40).map(
    lambda drawn: [make(order, sequence=place + 1) for place, (make, order) in enumerate(drawn)]
)


@given(batches)
def test_every_event_is_in_exactly_one_group_of_its_type(batch: list[Envelope[Any]]) -> None:
    cut = groups(batch)
    assert sorted(e.sequence for _, group in cut for e in group) == [e.sequence for e in batch]
    assert all(type(e.data) is event_type for event_type, group in cut for e in group)
    assert all(group for _, group in cut)


@given(batches)
def test_one_aggregates_events_keep_their_order(batch: list[Envelope[Any]]) -> None:
    handled = [e for _, group in groups(batch) for e in group]
    for order in ORDERS:
        assert _sequences(handled, order) == _sequences(batch, order)


@given(st.lists(st.sampled_from(ORDERS), max_size=20, unique=True))
def test_a_batch_is_not_cut_without_need(orders: list[uuid.UUID]) -> None:
    """Every order placed, then every order cancelled: two groups, however many orders."""
    cut = groups([*(placed(order) for order in orders), *(cancelled(order) for order in orders)])
    assert [event_type for event_type, _ in cut] == ([OrderPlaced, OrderCancelled] if orders else [])


def test_placed_cancelled_and_placed_again_is_cut() -> None:
    order = ORDERS[0]
    cut = groups([placed(order, sequence=1), cancelled(order, sequence=2), placed(order, sequence=3)])
    assert [event_type for event_type, _ in cut] == [OrderPlaced, OrderCancelled, OrderPlaced]


def _sequences(envelopes: Sequence[Envelope[Any]], order: uuid.UUID) -> list[int]:
    return [envelope.sequence for envelope in envelopes if envelope.key == str(order)]
