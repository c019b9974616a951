"""Lines of the data set as each service keeps them once an order is settled: through its own domain, store and outbox,
with the business time of the line.

Every ``write`` is one transaction for many lines. Lines that a service has written before change nothing there.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from delivery_svc import store as deliveries
from delivery_svc.domain import Delivery, Details, State
from events.outbox import Outbox
from lab.running.errors import ShopError
from lab.trace.lines import Line
from lab.trace.order_ids import order_id
from orders_svc import store as orders
from orders_svc.domain import Customer, Order, ShownProduct
from products_svc import store as products
from products_svc.domain import State as Decision

ADDRESS = "collected at the till"
Names = Mapping[int, str]


class WrittenOtherwise(ShopError):
    """A service has decided otherwise about a line than the history says; nothing of that transaction was kept."""


def household(line: Line) -> Customer:
    return Customer(line.customer, f"Household {line.household}", ADDRESS)


async def write_orders(outbox: Outbox, lines: Sequence[Line], names: Names) -> int:
    """Placed and confirmed at once; the amount is the line's. The lines must be new. How many events that are."""
    written = [_order(line, names[line.product]) for line in lines]
    async with outbox.transaction() as transaction:
        await orders.insert_announcing(transaction, written)
    return len(transaction.recorded)


async def write_reservations(outbox: Outbox, lines: Sequence[Line]) -> int:
    """Stock taken for each line, and one new state of each product in the batch. Raises WrittenOtherwise."""
    ids = [order_id(line) for line in lines]
    async with outbox.transaction() as transaction:
        warehouse = await products.load(transaction, {line.product for line in lines}, ids)
        for id, line in zip(ids, lines, strict=True):
            reservation = warehouse.reserve(id, line.product, line.quantity, at=line.at)
            if reservation.state is not Decision.RESERVED:
                raise WrittenOtherwise(f"line {line.number}, order {id}: {reservation.reason or reservation.state}")
        warehouse.close(at=lines[-1].at)
        await products.save(transaction, warehouse)
    return len(transaction.recorded)


async def write_deliveries(outbox: Outbox, lines: Sequence[Line], names: Names) -> int:
    """Started and handed over at once: it was a supermarket, and what was bought then cannot be cancelled now."""
    async with outbox.transaction() as transaction:
        await deliveries.apply(transaction, [_delivery(line, names[line.product]) for line in lines])
    return len(transaction.recorded)


def _order(line: Line, name: str) -> Order:
    shown = ShownProduct(line.product, name, line.amount // line.quantity, version=1)
    order = Order.place(order_id(line), shown, line.quantity, household(line), at=line.at, amount=line.amount)
    order.confirm(at=line.at)
    return order


def _delivery(line: Line, name: str) -> tuple[UUID, deliveries.Change]:
    customer = household(line)
    details = Details(line.product, name, line.quantity, customer.id, customer.name, customer.address)

    def hand_over(delivery: Delivery) -> None:
        delivery.order_placed(details, at=line.at)
        delivery.stock_reserved(at=line.at)
        if delivery.state is State.STARTED:
            delivery.complete(at=line.at)

    return order_id(line), hand_over
