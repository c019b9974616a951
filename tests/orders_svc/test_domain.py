"""The order's life, without any infrastructure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalogue import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
)
from orders_svc.domain import SETTLED, STEPS, TIMED_OUT, CannotCancel, Customer, Order, ShownProduct, Status, Step

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
MASK = ShownProduct(id=2, name="MASK", price=20_000, version=7)
KIM = Customer("c-42", "Kim", "Seoul")


def an_order(*steps: str) -> Order:
    order = Order.place(UUID(int=1), MASK, 3, KIM, at=NOON)
    for step in steps:
        {
            "confirm": lambda: order.confirm(at=LATER),
            "reject": lambda: order.reject("out of stock", at=LATER),
            "request": lambda: order.request_cancellation("changed my mind", at=LATER),
            "cancel": lambda: order.cancel(at=LATER),
            "refuse": lambda: order.refuse_cancellation("delivered", at=LATER),
        }[step]()
    return order


def announced(order: Order) -> list[type]:
    return [type(envelope.data) for envelope in order.events]


def test_a_placed_order_is_pending_and_carries_everything_others_need() -> None:
    order = an_order()
    [envelope] = order.events
    assert (order.status, order.amount, order.version, order.settled) == (Status.PENDING, 60_000, 1, False)
    assert envelope.sequence == 1
    assert envelope.time == NOON
    assert envelope.data == OrderPlaced(
        order_id=order.id,
        product_id=2,
        product_name="MASK",
        product_version=7,
        quantity=3,
        unit_price=20_000,
        amount=60_000,
        customer_id="c-42",
        customer_name="Kim",
        address="Seoul",
    )


@pytest.mark.parametrize(("amount", "a_piece"), [(200, 66), (201, 67), (2, 0), (0, 0)])
def test_an_amount_that_was_agreed_elsewhere_stands_whatever_a_piece_costs(amount: int, a_piece: int) -> None:
    order = Order.place(UUID(int=1), MASK, 3, KIM, at=NOON, amount=amount)
    order.confirm(at=LATER)
    placed, confirmed = (envelope.data for envelope in order.events)
    assert (order.amount, order.unit_price) == (amount, a_piece)
    assert isinstance(placed, OrderPlaced)
    assert (placed.amount, placed.unit_price) == (amount, a_piece)
    assert isinstance(confirmed, OrderConfirmed)
    assert confirmed.amount == amount


def test_a_started_delivery_confirms() -> None:
    order = an_order("confirm")
    assert (order.status, order.settled_at) == (Status.CONFIRMED, LATER)
    assert announced(order) == [OrderPlaced, OrderConfirmed]


def test_missing_stock_rejects_with_the_reason() -> None:
    order = an_order("reject")
    assert (order.status, order.reason, order.settled_at) == (Status.REJECTED, "out of stock", LATER)
    assert announced(order) == [OrderPlaced, OrderRejected]


@pytest.mark.parametrize("before", [[], ["confirm"]])
def test_a_pending_or_confirmed_order_can_be_cancelled_and_is_unsettled_meanwhile(before: list[str]) -> None:
    order = an_order(*before, "request")
    assert (order.status, order.settled_at, order.reason) == (Status.CANCELLING, None, "changed my mind")
    order.cancel(at=LATER)
    assert (order.status, order.settled_at, order.reason) == (Status.CANCELLED, LATER, "changed my mind")
    assert announced(order)[-2:] == [OrderCancellationRequested, OrderCancelled]


def test_asking_for_the_cancellation_again_changes_nothing() -> None:
    order = an_order("request", "request")
    assert announced(order) == [OrderPlaced, OrderCancellationRequested]


@pytest.mark.parametrize("end", [["reject"], ["request", "cancel"]])
def test_an_order_that_was_rejected_or_cancelled_cannot_be_cancelled(end: list[str]) -> None:
    with pytest.raises(CannotCancel, match="already"):
        an_order(*end, "request")


def test_a_refused_cancellation_leaves_a_confirmed_order_with_the_refusal_noted_and_is_final() -> None:
    order = an_order("confirm", "request", "refuse")
    assert (order.status, order.cancellation_refused, order.reason) == (Status.CONFIRMED, "delivered", None)
    with pytest.raises(CannotCancel, match="delivered"):
        order.request_cancellation("again", at=LATER)


def test_an_order_whose_cancellation_was_refused_before_it_was_ever_confirmed_is_announced_as_confirmed() -> None:
    """Delivery was faster than we heard of it: started, completed, and only then asked to cancel."""
    order = an_order("request", "confirm", "refuse")
    assert announced(order) == [OrderPlaced, OrderCancellationRequested, OrderConfirmed]


def test_while_a_cancellation_is_under_way_only_its_answer_counts() -> None:
    order = an_order("request", "confirm", "reject")
    assert (order.status, order.version) == (Status.CANCELLING, 2)


def test_settled_states_change_only_from_confirmed_to_cancelling() -> None:
    from_settled = {(before, after) for (before, _), after in STEPS.items() if before in SETTLED}
    assert from_settled == {(Status.CONFIRMED, Status.CANCELLING)}


ANY_STEPS = st.lists(st.sampled_from(["confirm", "reject", "request", "cancel", "refuse"]), max_size=12)


@given(ANY_STEPS)
def test_whatever_arrives_every_change_is_in_the_table_one_version_up_and_announced_once(steps: list[str]) -> None:
    order = an_order()
    for step in steps:
        status, version, events = order.status, order.version, len(order.events)
        try:
            {
                "confirm": lambda: order.confirm(at=LATER),
                "reject": lambda: order.reject("out of stock", at=LATER),
                "request": lambda: order.request_cancellation("changed my mind", at=LATER),
                "cancel": lambda: order.cancel(at=LATER),
                "refuse": lambda: order.refuse_cancellation("delivered", at=LATER),
            }[step]()
        except CannotCancel:
            assert status in SETTLED
        if order.status is status:
            assert (order.version, len(order.events)) == (version, events)
        else:
            assert (status, order.status) in {(before, after) for (before, _), after in STEPS.items()}
            assert (order.version, len(order.events)) == (version + 1, events + 1)
            assert order.events[-1].sequence == order.version
        assert (order.settled_at is not None) == order.settled


HISTORIES = {
    "delivered": ([], ["confirm"]),
    "out of stock": (["reject"], []),
    "cancelled before the delivery began": ([], ["cancel"]),
    "cancelled after the delivery began": ([], ["confirm", "cancel"]),
    "cancelled, and out of stock": (["reject"], ["cancel"]),
    "completed before the cancellation was asked for": ([], ["confirm", "refuse"]),
}


@given(st.data(), st.sampled_from(sorted(HISTORIES)), st.booleans())
def test_the_order_between_topics_and_repetitions_do_not_matter(data: st.DataObject, name: str, twice: bool) -> None:
    """Events of one topic keep their order; the topics are merged in any way, and any of them may come again later."""
    stock, deliveries = HISTORIES[name]
    asked = "cancel" in deliveries or "refuse" in deliveries
    before = ["request"] if asked else []

    merged: list[str] = []
    rest = [list(stock), list(deliveries)]
    while any(rest):
        source = data.draw(st.sampled_from([topic for topic in rest if topic]))
        merged.append(source.pop(0))
    if twice and merged:
        merged += data.draw(st.lists(st.sampled_from(merged), max_size=4))

    order = an_order(*before, *merged)
    straight = an_order(*before, *stock, *deliveries)
    assert (order.status, order.reason, order.cancellation_refused) == (
        straight.status,
        straight.reason,
        straight.cancellation_refused,
    )
    assert order.settled
    assert announced(order) == announced(straight)


def test_every_step_is_in_the_table() -> None:
    assert {step for _, step in STEPS} == set(Step)


def test_a_price_that_was_last_seen_is_marked_with_its_time() -> None:
    seen = replace(MASK, seen_at=NOON - timedelta(minutes=5))
    assert Order.place(UUID(int=1), seen, 3, KIM, at=NOON).price_seen_at == NOON - timedelta(minutes=5)
    assert an_order().price_seen_at is None


def test_a_promise_is_given_once_and_is_no_change_of_the_order() -> None:
    order = an_order()
    order.promise(at=NOON)
    order.promise(at=LATER)
    assert (order.promised_at, order.version, order.status) == (NOON, 1, Status.PENDING)
    assert announced(order) == [OrderPlaced]


@pytest.mark.parametrize("steps", [["confirm"], ["reject"], ["request"], ["request", "cancel"]])
def test_only_a_pending_order_can_be_promised(steps: list[str]) -> None:
    order = an_order(*steps)
    order.promise(at=LATER)
    assert order.promised_at is None


@pytest.mark.parametrize(
    ("steps", "reason", "broken"),
    [
        ([], None, False),
        (["confirm"], None, False),
        (["reject"], "out of stock", True),
        (["request"], TIMED_OUT, False),
        (["request", "cancel"], TIMED_OUT, True),
        (["request", "cancel"], "changed my mind", False),
    ],
)
def test_a_promise_is_broken_when_the_order_cannot_be_had_or_is_not_settled_in_time(
    steps: list[str], reason: str | None, broken: bool
) -> None:
    order = an_order()
    order.promise(at=NOON)
    for step in steps:
        {
            "confirm": lambda: order.confirm(at=LATER),
            "reject": lambda: order.reject(reason or "", at=LATER),
            "request": lambda: order.request_cancellation(reason or "", at=LATER),
            "cancel": lambda: order.cancel(at=LATER),
        }[step]()
    assert order.promise_broken is broken
    unpromised = an_order(*steps)
    assert not unpromised.promise_broken
