"""The rules of stock, without a database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from events.catalogue import ProductChanged, StockRejected, StockReleased, StockReserved
from products_svc.domain import MOST_STOCK, OutOfStock, Product, Refusal, State, TooMuchStock, Warehouse

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def order(number: int) -> UUID:
    return UUID(int=number)


def mask(stock: int = 10, *, withdrawn: bool = False) -> Product:
    product = Product.new(2, "MASK", 20000, stock, "", at=NOW)
    product.change(withdrawn=withdrawn)
    product.announce(at=NOW)
    product.events.clear()
    product.movements.clear()
    return product


def test_an_order_takes_its_stock() -> None:
    shop = Warehouse([mask(10)])
    assert shop.reserve(order(1), 2, 3, at=NOW).state is State.RESERVED
    shop.close(at=NOW)
    assert shop.products[2].stock == 7
    assert [type(event.data) for event in shop.events] == [StockReserved, ProductChanged]
    [movement] = shop.movements
    assert (movement.delta, movement.balance, movement.order_id) == (-3, 7, order(1))


@pytest.mark.parametrize(
    ("product_id", "quantity", "withdrawn", "reason"),
    [(9, 1, False, Refusal.UNKNOWN), (2, 1, True, Refusal.WITHDRAWN), (2, 11, False, Refusal.OUT_OF_STOCK)],
)
def test_an_order_that_cannot_be_had_is_rejected_with_a_reason(
    product_id: int, quantity: int, withdrawn: bool, reason: Refusal
) -> None:
    shop = Warehouse([mask(10, withdrawn=withdrawn)])
    reservation = shop.reserve(order(1), product_id, quantity, at=NOW)
    shop.close(at=NOW)
    assert (reservation.state, reservation.reason) == (State.REJECTED, reason)
    [event] = shop.events
    assert isinstance(event.data, StockRejected)
    assert event.data.reason == reason
    assert shop.products[2].stock == 10
    assert shop.movements == []


def test_the_last_piece_can_be_had_once() -> None:
    shop = Warehouse([mask(1)])
    states = [shop.reserve(order(number), 2, 1, at=NOW).state for number in (1, 2)]
    assert states == [State.RESERVED, State.REJECTED]


def test_asking_again_takes_nothing_more() -> None:
    shop = Warehouse([mask(10)])
    for _ in range(3):
        assert shop.reserve(order(1), 2, 3, at=NOW).state is State.RESERVED
    assert shop.products[2].stock == 7
    assert sum(isinstance(event.data, StockReserved) for event in shop.events) == 1


def test_a_rejected_order_stays_rejected_even_when_stock_arrives() -> None:
    shop = Warehouse([mask(0)])
    shop.reserve(order(1), 2, 1, at=NOW)
    shop.products[2].put_in(5, at=NOW)
    assert shop.reserve(order(1), 2, 1, at=NOW).state is State.REJECTED


def test_a_cancelled_order_gives_its_stock_back_once() -> None:
    shop = Warehouse([mask(10)])
    shop.reserve(order(1), 2, 3, at=NOW)
    for _ in range(2):
        assert shop.release(order(1), at=NOW).state is State.RELEASED
    assert shop.products[2].stock == 10
    assert [event.sequence for event in shop.reservations[order(1)].events] == [1, 2]
    assert isinstance(shop.reservations[order(1)].events[1].data, StockReleased)


def test_an_order_cancelled_before_it_was_placed_takes_nothing() -> None:
    shop = Warehouse([mask(10)])
    assert shop.release(order(1), at=NOW, product_id=2, quantity=3).state is State.RELEASED
    assert shop.reserve(order(1), 2, 3, at=NOW).state is State.RELEASED
    shop.close(at=NOW)
    assert shop.products[2].stock == 10
    assert shop.events == []


def test_cancelling_a_rejected_order_releases_nothing() -> None:
    shop = Warehouse([mask(0)])
    shop.reserve(order(1), 2, 1, at=NOW)
    assert shop.release(order(1), at=NOW).state is State.REJECTED
    assert shop.products[2].stock == 0


def test_the_stock_of_a_withdrawn_product_can_be_released() -> None:
    shop = Warehouse([mask(10)])
    shop.reserve(order(1), 2, 3, at=NOW)
    shop.products[2].change(withdrawn=True)
    shop.release(order(1), at=NOW)
    assert shop.products[2].stock == 10


def test_many_changes_of_a_product_are_one_new_version() -> None:
    shop = Warehouse([mask(10)])
    before = shop.products[2].version
    for number in range(5):
        shop.reserve(order(number), 2, 1, at=NOW)
    shop.close(at=NOW)
    [changed] = shop.products[2].events
    assert isinstance(changed.data, ProductChanged)
    assert (changed.sequence, changed.data.stock) == (before + 1, 5)


def test_a_change_that_changes_nothing_is_no_new_version() -> None:
    product = mask()
    product.change(name="MASK", price=20000)
    product.announce(at=NOW)
    assert product.events == []


def test_stock_is_never_taken_below_zero() -> None:
    product = mask(3)
    with pytest.raises(OutOfStock):
        product.take_out(4, at=NOW)
    assert (product.stock, product.movements) == (3, [])


def test_stock_has_a_limit() -> None:
    product = mask(3)
    with pytest.raises(TooMuchStock):
        product.put_in(MOST_STOCK, at=NOW)
    assert product.stock == 3


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_below_one_is_an_error_and_not_stock(quantity: int) -> None:
    shop = Warehouse([mask(10)])
    with pytest.raises(ValueError, match="1 or more"):
        shop.reserve(order(1), 2, quantity, at=NOW)
    with pytest.raises(ValueError, match="1 or more"):
        shop.products[2].put_in(quantity, at=NOW)
    assert shop.products[2].stock == 10
    assert shop.reservations == {}


class Shelf(RuleBasedStateMachine):
    """Any sequence of orders, cancellations, repeats and deliveries of goods, in any order."""

    orders = st.integers(1, 8).map(order)
    pieces = st.integers(1, 6)

    def __init__(self) -> None:
        super().__init__()
        self.shop = Warehouse([mask(10), Product.new(1, "TV", 10000, 3, "", at=NOW)])
        self.ledger: dict[int, list[int]] = {1: [3], 2: [10]}
        self.seen = {1: 1, 2: 0}
        self.first: dict[UUID, State] = {}

    @rule(order_id=orders, product_id=st.integers(1, 3), quantity=pieces)
    def place(self, order_id: UUID, product_id: int, quantity: int) -> None:
        state = self.shop.reserve(order_id, product_id, quantity, at=NOW).state
        assert self.first.setdefault(order_id, state) is state

    @rule(order_id=orders)
    def cancel(self, order_id: UUID) -> None:
        state = self.shop.release(order_id, at=NOW).state
        assert state in (State.RELEASED, State.REJECTED)
        self.first[order_id] = state

    @rule(product_id=st.integers(1, 2), quantity=pieces)
    def put_in(self, product_id: int, quantity: int) -> None:
        self.shop.products[product_id].put_in(quantity, at=NOW)

    @precondition(lambda self: self.shop.products[2].stock > 0)
    @rule()
    def take_out(self) -> None:
        self.shop.products[2].take_out(1, at=NOW)

    @rule(withdrawn=st.booleans())
    def change(self, withdrawn: bool) -> None:
        self.shop.products[2].change(withdrawn=withdrawn)

    @rule()
    def commit(self) -> None:
        self.shop.close(at=NOW)

    @invariant()
    def stock_is_what_was_put_in_less_what_is_held(self) -> None:
        for product in self.shop.products.values():
            movements = product.movements[self.seen[product.id] :]
            self.seen[product.id] += len(movements)
            for movement in movements:
                self.ledger[product.id].append(movement.delta)
                assert movement.balance == sum(self.ledger[product.id]) >= 0
            assert product.stock == sum(self.ledger[product.id]) >= 0
            held = sum(one.held for one in self.shop.reservations.values() if one.product_id == product.id)
            taken = -sum(m.delta for m in product.movements if m.order_id is not None)
            assert held == taken


TestShelf = Shelf.TestCase
TestShelf.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=30), st.data())
def test_handling_events_again_changes_nothing(wishes: list[tuple[int, int]], data: st.DataObject) -> None:
    once = Warehouse([mask(10)])
    for number, quantity in wishes:
        once.reserve(order(number), 2, quantity, at=NOW)
    again = Warehouse([mask(10)])
    for position, (number, quantity) in enumerate(wishes):
        again.reserve(order(number), 2, quantity, at=NOW)
        repeat = data.draw(st.integers(0, position))
        again.reserve(order(wishes[repeat][0]), 2, wishes[repeat][1], at=NOW)
    assert again.products == once.products
    assert again.reservations == once.reservations
