"""Sales: units and revenue of each product and day, out of the orders topic alone.

An order counts on the day (UTC) on which it was placed, for as long as it is confirmed: one that is being cancelled, or
was, does not. ``sales_orders`` knows for each order what it adds, and ``sales`` follows it; so an order that is
announced as confirmed twice, or comes back after a refused cancellation, counts once.
"""

from collections.abc import Iterable
from datetime import UTC

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Uuid

from events.catalogue import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderKeyed,
    OrderPlaced,
    OrderRejected,
)
from events.envelope import Envelope
from events.merged_model import Change, MergedModel
from events.merging import Merged, Summed
from orders_svc.read_models.tables import metadata

sales_orders = Table(
    "sales_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sold", Boolean, nullable=False),
    Column("product_id", BigInteger),
    Column("day", Date),
    Column("units", BigInteger),
    Column("amount", BigInteger),
)
"""What each order adds to ``sales``, if it is ``sold``. What only OrderPlaced tells is null until that was read."""

sales = Table(
    "sales",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("orders", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("revenue", BigInteger, nullable=False),
    Index("sales_by_day", "day", "product_id"),
)
"""``revenue`` in cents. There is a row for every product and day of which an order is known, sold or not."""

ORDERS = Merged(sales_orders, version="version", newest=("sold",))
SALES = Summed(
    sales,
    over=ORDERS,
    adds={
        "orders": "CASE WHEN {row}.sold THEN 1 ELSE 0 END",
        "units": "CASE WHEN {row}.sold THEN {row}.units ELSE 0 END",
        "revenue": "CASE WHEN {row}.sold THEN {row}.amount ELSE 0 END",
    },
)


def order_placed(envelope: Envelope[OrderPlaced]) -> Iterable[Change]:
    order = envelope.data
    day = envelope.time.astimezone(UTC).date()
    row = (order.order_id, envelope.sequence, False, order.product_id, day, order.quantity, order.amount)
    return (Change(ORDERS, row),)


def order_confirmed(envelope: Envelope[OrderConfirmed]) -> Iterable[Change]:
    return (_outcome(envelope, sold=True),)


def order_undone(envelope: Envelope[OrderKeyed]) -> Iterable[Change]:
    return (_outcome(envelope, sold=False),)


def _outcome(envelope: Envelope[OrderKeyed], *, sold: bool) -> Change:
    return Change(ORDERS, (envelope.data.order_id, envelope.sequence, sold, None, None, None, None))


MODEL = MergedModel(
    name="sales",
    topics=("orders",),
    functions={
        OrderPlaced: order_placed,
        OrderConfirmed: order_confirmed,
        OrderRejected: order_undone,
        OrderCancellationRequested: order_undone,
        OrderCancelled: order_undone,
    },
    tables=(ORDERS,),
    sums=(SALES,),
    within_seconds=0.25,
)
