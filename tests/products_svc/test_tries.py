"""Tries as a state machine: whatever is asked, in whatever order and however often, the books are right."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from products_svc import tries
from products_svc.domain import Product, Reservation, State, Warehouse

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
ORDERS = [UUID(int=number) for number in (1, 2, 3)]
STOCK = 5

Step = tuple[str, UUID, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["try", "confirm", "cancel", "expire", "wait"]), st.sampled_from(ORDERS), st.integers(1, 3)
    ),
    max_size=30,
)
FINAL = {State.RESERVED, State.REJECTED, State.RELEASED, State.EXPIRED}


def play(steps: list[Step]) -> tuple[Warehouse, list[dict[UUID, State]]]:
    """The warehouse afterwards, and the states of the reservations after each step. A try has ten seconds."""
    warehouse = Warehouse([Product.new(1, "MASK", 100, STOCK, "", at=BEGIN)])
    now, seen = BEGIN, []
    for verb, order, number in steps:
        now += timedelta(seconds=4 * number if verb == "wait" else 0)
        try:
            if verb == "try":
                tries.attempt(warehouse, order, 1, number, at=now, until=now + timedelta(seconds=10))
            elif verb == "confirm":
                tries.confirm(warehouse, order, at=now)
            elif verb == "cancel":
                tries.cancel(warehouse, order, at=now)
            elif verb == "expire" and order in warehouse.reservations:
                tries.expire(warehouse, warehouse.reservations[order], at=now)
        except tries.TryRefused:
            pass
        seen.append({known.order_id: known.state for known in warehouse.reservations.values()})
    return warehouse, seen


@given(STEPS)
def test_stock_is_what_was_there_without_what_is_held_and_never_negative(steps: list[Step]) -> None:
    warehouse, _ = play(steps)
    product = warehouse.products[1]
    assert product.stock == STOCK - sum(known.held for known in warehouse.reservations.values()) >= 0
    assert product.stock == sum(movement.delta for movement in product.movements)


@given(STEPS)
def test_what_was_decided_once_stays(steps: list[Step]) -> None:
    _, seen = play(steps)
    for before, after in pairwise(seen):
        for order, state in before.items():
            assert after[order] is state or state is State.TRIED, (order, state, after[order])


@given(STEPS)
def test_only_what_is_tried_has_a_time_to_be_up(steps: list[Step]) -> None:
    warehouse, _ = play(steps)
    for known in warehouse.reservations.values():
        assert (known.expires_at is not None) == (known.state is State.TRIED)
        assert known.state in {State.TRIED, *FINAL}


@given(STEPS)
def test_a_step_that_is_repeated_at_once_changes_nothing(steps: list[Step]) -> None:
    twice = [again for step in steps for again in (step, step if step[0] != "wait" else ("expire", step[1], 1))]
    once = [each for step in steps for each in ((step,) if step[0] != "wait" else (step, ("expire", step[1], 1)))]
    assert _told(play(twice)[0]) == _told(play(once)[0])


def _told(warehouse: Warehouse) -> list[tuple[UUID, State, int | None, int]]:
    def one(known: Reservation) -> tuple[UUID, State, int | None, int]:
        return known.order_id, known.state, known.quantity, known.version

    return sorted(map(one, warehouse.reservations.values()))
