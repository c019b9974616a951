"""When a delivery starts, and who decides whether an order can be undone; without a database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from delivery_svc.domain import Delivery, Details, NotUnderWay, State
from events.catalogue import CancellationRefused, DeliveryCancelled, DeliveryCompleted, DeliveryStarted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DETAILS = Details(2, "MASK", 3, "c-42", "Kim", "1 Sejong-daero, Seoul")
Step = Callable[[Delivery], object]


def placed(delivery: Delivery) -> None:
    delivery.order_placed(DETAILS, at=NOW)


def reserved(delivery: Delivery) -> None:
    delivery.stock_reserved(at=NOW)


def rejected(delivery: Delivery) -> None:
    delivery.stock_rejected(at=NOW)


def cancel(delivery: Delivery) -> bool:
    return delivery.request_cancellation(at=NOW)


def complete(delivery: Delivery) -> None:
    delivery.complete(at=NOW)


def after(*steps: Step) -> Delivery:
    delivery = Delivery(UUID(int=1), UUID(int=2))
    for step in steps:
        step(delivery)
    return delivery


def announced(delivery: Delivery) -> list[type]:
    return [type(event.data) for event in delivery.events]


@pytest.mark.parametrize("steps", [(placed, reserved), (reserved, placed)])
def test_whichever_comes_last_starts_the_delivery_with_everything(steps: Sequence[Step]) -> None:
    delivery = after(*steps)
    assert delivery.state is State.STARTED
    [started] = delivery.events
    assert isinstance(started.data, DeliveryStarted)
    assert (started.data.address, started.data.quantity) == (DETAILS.address, 3)
    assert started.data.delivery_id == delivery.delivery_id
    assert started.sequence == delivery.version == 2


def test_one_of_the_two_starts_nothing() -> None:
    assert after(placed).state is State.AWAITING_STOCK
    assert after(reserved).state is State.AWAITING_DETAILS
    assert after(placed, placed).events == after(reserved, reserved).events == []


@pytest.mark.parametrize("steps", [(placed, rejected), (rejected, placed), (rejected,)])
def test_without_stock_no_delivery_is_needed(steps: Sequence[Step]) -> None:
    delivery = after(*steps)
    assert (delivery.state, delivery.events) == (State.NOT_NEEDED, [])


@pytest.mark.parametrize("steps", [(), (placed,), (reserved,), (placed, rejected), (placed, reserved)])
def test_until_the_goods_are_handed_over_a_cancellation_is_granted(steps: Sequence[Step]) -> None:
    delivery = after(*steps)
    assert cancel(delivery)
    assert delivery.state is State.CANCELLED
    assert announced(delivery)[-1] is DeliveryCancelled


def test_a_cancelled_order_is_never_delivered_whatever_comes_later() -> None:
    delivery = after(cancel, placed, reserved, rejected, placed)
    assert delivery.state is State.CANCELLED
    assert announced(delivery) == [DeliveryCancelled]


def test_a_granted_cancellation_is_announced_once() -> None:
    delivery = after(placed, reserved, cancel, cancel)
    assert announced(delivery) == [DeliveryStarted, DeliveryCancelled]


def test_once_the_goods_are_handed_over_a_cancellation_is_refused_each_time_anew() -> None:
    delivery = after(placed, reserved, complete)
    assert not cancel(delivery)
    assert not cancel(delivery)
    assert delivery.state is State.COMPLETED
    assert announced(delivery) == [DeliveryStarted, DeliveryCompleted, CancellationRefused, CancellationRefused]
    assert len({event.id for event in delivery.events}) == 4


def test_completing_again_changes_nothing() -> None:
    delivery = after(placed, reserved, complete, complete)
    assert announced(delivery) == [DeliveryStarted, DeliveryCompleted]


@pytest.mark.parametrize("steps", [(), (placed,), (reserved,), (rejected,), (placed, reserved, cancel)])
def test_only_what_is_on_its_way_can_be_handed_over(steps: Sequence[Step]) -> None:
    delivery = after(*steps)
    before = delivery.version
    with pytest.raises(NotUnderWay, match="only a started one"):
        complete(delivery)
    assert delivery.version == before


ORDERS = st.sampled_from([(placed,), (placed, cancel), (placed, cancel, cancel), (cancel, placed)])
STOCK = st.sampled_from([(), (reserved,), (rejected,), (reserved, reserved), (rejected, rejected)])


def mixed(orders: Sequence[Step], stock: Sequence[Step]) -> list[list[Step]]:
    """Every way in which the two topics can come together; each keeps its own order."""
    length, ways = len(orders) + len(stock), []
    for places in combinations(range(length), len(stock)):
        ours, theirs = iter(orders), iter(stock)
        ways.append([next(theirs if place in places else ours) for place in range(length)])
    return ways


@given(orders=ORDERS, stock=STOCK)
@settings(deadline=None)
def test_the_order_between_the_topics_does_not_matter(orders: Sequence[Step], stock: Sequence[Step]) -> None:
    ends = {(delivery.state, delivery.details) for delivery in (after(*way) for way in mixed(orders, stock))}
    assert len(ends) == 1


@given(orders=ORDERS, stock=STOCK)
@settings(deadline=None)
def test_hearing_everything_again_after_each_step_changes_nothing(
    orders: Sequence[Step], stock: Sequence[Step]
) -> None:
    for way in mixed(orders, stock):
        once, repeated = after(*way), after()
        for heard in range(1, len(way) + 1):
            for step in way[:heard]:
                step(repeated)
        assert (repeated.state, repeated.details) == (once.state, once.details)
        assert announced(repeated) == announced(once)


class Arbiter(RuleBasedStateMachine):
    """Whatever happens in whatever order: what was said before is never taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery = after()
        self.announced: list[type] = []

    @rule(step=st.sampled_from([placed, reserved, rejected]))
    def hears(self, step: Step) -> None:
        step(self.delivery)

    @rule()
    def is_asked_to_cancel(self) -> None:
        completed = self.delivery.state is State.COMPLETED
        assert cancel(self.delivery) is not completed

    @rule()
    def hands_over(self) -> None:
        if self.delivery.state in (State.STARTED, State.COMPLETED):
            complete(self.delivery)
        else:
            with pytest.raises(NotUnderWay):
                complete(self.delivery)

    @invariant()
    def each_answer_is_given_once_and_for_all(self) -> None:
        said = announced(self.delivery)
        assert said[: len(self.announced)] == self.announced
        self.announced = said
        for once in (DeliveryStarted, DeliveryCompleted, DeliveryCancelled):
            assert said.count(once) <= 1
        assert not {DeliveryCompleted, DeliveryCancelled} <= set(said)
        if DeliveryCompleted in said:
            assert said.index(DeliveryStarted) < said.index(DeliveryCompleted)
            assert self.delivery.state is State.COMPLETED
        if DeliveryCancelled in said:
            assert self.delivery.state is State.CANCELLED
            assert said[-1] is DeliveryCancelled
        sequences = [event.sequence for event in self.delivery.events]
        assert sequences == sorted(set(sequences))
        assert not sequences or sequences[-1] <= self.delivery.version


TestArbiter = Arbiter.TestCase
TestArbiter.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
