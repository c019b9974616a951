"""delivery's own table, and how deliveries are changed: always many orders at a time."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from delivery_svc.domain import Delivery, Details, State
from events.outbox import Transaction
from kit.database import Connection, Query, Row, array, bulk_insert, columns_of
from kit.ids import new_id

metadata = MetaData()

deliveries = Table(
    "deliveries",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("product_id", BigInteger),
    Column("product_name", Text),
    Column("quantity", BigInteger),
    Column("customer_id", Text),
    Column("customer_name", Text),
    Column("address", Text),
    Column("version", Integer, nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    CheckConstraint(
        "state IN ('awaiting_stock', 'awaiting_details', 'started', 'completed', 'cancelled', 'not_needed', "
        "'tentative', 'expired')",
        name="deliveries_state_known",
    ),
    CheckConstraint("(state = 'tentative') = (expires_at IS NOT NULL)", name="deliveries_tentative_expire"),
    CheckConstraint(
        "state NOT IN ('awaiting_stock', 'started', 'completed', 'tentative') "
        "OR (address IS NOT NULL AND quantity > 0)",
        name="deliveries_know_what_and_where_to",
    ),
    Index("deliveries_of_customer", "customer_id", "delivery_id"),
    # Not by state: an index whose condition names it would make every change of a delivery write to all indexes.
    Index("deliveries_tentative", "expires_at", postgresql_where=literal_column("expires_at IS NOT NULL")),
    # Every row is changed once soon after it was written: room for that on the same page.
    postgresql_with={"fillfactor": 70},
)
"""One row an order that delivery has heard of in any way; the details are null until the order itself was heard of.
``expires_at`` is null except while the delivery is tentative."""

Begin = Callable[[], AbstractAsyncContextManager[Connection]]
"""Opens a transaction: an announcing one in the wiring ``events``, a plain one in the synchronous wirings."""

Change = Callable[[Delivery], object]
"""Changes one delivery; it may be called more than once, on a fresh one and on the stored one."""


async def apply(connection: Connection, changes: Iterable[tuple[UUID, Change]]) -> list[tuple[Delivery, Any]]:
    """Carries out changes by order id, those of one order in the given order: each delivery, and what its change
    returned. Orders that were not heard of before get a delivery, unless their changes leave it as it is. Events are
    announced where the wiring announces.

    First all orders are written as if they were new (those that exist stay untouched), then the others are locked and
    changed; both in the order of their ids. So two transactions never wait for each other crosswise, and neither
    misses what the other wrote: the two events that start a delivery may be handled at the same moment by two replicas.
    """
    steps = list(changes)
    by_order: dict[UUID, list[int]] = {}
    for number, (order_id, _) in enumerate(steps):
        by_order.setdefault(order_id, []).append(number)
    results: dict[int, tuple[Delivery, Any]] = {}

    def carry_out(delivery: Delivery) -> Delivery:
        for number in by_order[delivery.order_id]:
            results[number] = (delivery, steps[number][1](delivery))
        return delivery

    fresh = [carry_out(Delivery(order_id, new_id())) for order_id in sorted(by_order)]
    inserted = await _insert(connection, [delivery for delivery in fresh if delivery.changed])
    known = [order_id for order_id in by_order if order_id not in inserted]
    if known:
        stored = [_delivery(row) for row in await connection.fetch(_LOCK, ids=known)]
        await _update(connection, [delivery for delivery in map(carry_out, stored) if delivery.changed])
    ordered = [results[number] for number in range(len(steps))]
    announce(connection, {id(delivery): delivery for delivery, _ in ordered}.values())
    return ordered


async def change_one(connection: Connection, delivery_id: UUID, change: Change) -> Delivery | None:
    """Locks a delivery that exists, and changes it; None when there is none."""
    row = await connection.fetch_one(_LOCK_ONE, delivery_id=delivery_id)
    if row is None:
        return None
    delivery = _delivery(row)
    change(delivery)
    if delivery.changed:
        await _update(connection, [delivery])
        announce(connection, [delivery])
    return delivery


def announce(connection: Connection, changed: Iterable[Delivery]) -> None:
    """Records the events if this transaction announces; in the synchronous wirings it is a plain connection."""
    if isinstance(connection, Transaction):
        for delivery in changed:
            connection.record(delivery.events)


async def expired_tries(connection: Connection, *, before: datetime, limit: int) -> list[UUID]:
    """The orders of up to ``limit`` deliveries that are tentative and had time until ``before``, oldest first."""
    return [row["order_id"] for row in await connection.fetch(_EXPIRED_TRIES, before=before, limit=limit)]


async def find(connection: Connection, delivery_id: UUID) -> Delivery | None:
    row = await connection.fetch_one(_FIND, delivery_id=delivery_id)
    return None if row is None else _delivery(row)


async def page(
    connection: Connection, *, customer_id: str | None, order_id: UUID | None, after: UUID | None, limit: int
) -> list[Delivery]:
    """``limit`` deliveries after the delivery ``after``, oldest first; of one customer, of one order, or of all."""
    parameters: dict[str, Any] = {"after": after or _FIRST_ID, "limit": limit}
    query = _PAGES[customer_id is not None, order_id is not None]
    if customer_id is not None:
        parameters["customer_id"] = customer_id
    if order_id is not None:
        parameters["order_id"] = order_id
    return [_delivery(row) for row in await connection.fetch(query, **parameters)]


async def _insert(connection: Connection, fresh: Sequence[Delivery]) -> set[UUID]:
    """Writes those whose order is new; their order ids. Waits for transactions that are just writing the same ones."""
    if not fresh:
        return set()
    if all(delivery.details is None for delivery in fresh):
        rows = await connection.fetch(_INSERT_BARE, **columns_of(_PROGRESS, map(_progress, fresh)))
    else:
        rows = await connection.fetch(_INSERT, **columns_of(_COLUMNS, map(_row, fresh)))
    return {row["order_id"] for row in rows}


async def _update(connection: Connection, changed: Sequence[Delivery]) -> None:
    """Writes back deliveries that are locked; their details only where one of them has just got its own."""
    if not changed:
        return
    if any(delivery.details_are_new for delivery in changed):
        query, columns = _UPDATE, columns_of(_COLUMNS, map(_row, changed))
    else:
        query, columns = _UPDATE_BARE, columns_of(_PROGRESS, map(_progress, changed))
    await connection.execute(query, **{f"new_{name}": values for name, values in columns.items()})


def _delivery(row: Row) -> Delivery:
    details = None
    if row["address"] is not None:
        details = Details(
            product_id=row["product_id"],
            product_name=row["product_name"],
            quantity=row["quantity"],
            customer_id=row["customer_id"],
            customer_name=row["customer_name"],
            address=row["address"],
        )
    return Delivery(
        order_id=row["order_id"],
        delivery_id=row["delivery_id"],
        state=State(row["state"]),
        details=details,
        version=row["version"],
        started_at=row["started_at"],
        changed_at=row["changed_at"],
        expires_at=row["expires_at"],
        loaded_version=row["version"],
    )


def _progress(one: Delivery) -> tuple[Any, ...]:
    return one.order_id, one.delivery_id, one.state, one.version, one.started_at, one.changed_at, one.expires_at


def _row(one: Delivery) -> tuple[Any, ...]:
    details = one.details
    if details is None:
        return *_progress(one), None, None, None, None, None, None
    return (
        *_progress(one),
        details.product_id,
        details.product_name,
        details.quantity,
        details.customer_id,
        details.customer_name,
        details.address,
    )


_FIRST_ID = UUID(int=0)
_PROGRESS = ("order_id", "delivery_id", "state", "version", "started_at", "changed_at", "expires_at")
_COLUMNS = (*_PROGRESS, "product_id", "product_name", "quantity", "customer_id", "customer_name", "address")
_LOCK = Query(
    select(deliveries)
    .where(deliveries.c.order_id == any_(array("ids", deliveries.c.order_id)))
    .order_by(deliveries.c.order_id)
    .with_for_update()
)
_EXPIRED_TRIES = Query(
    select(deliveries.c.order_id)
    .where(deliveries.c.expires_at.is_not(None))
    .where(deliveries.c.expires_at <= bindparam("before", type_=DateTime(timezone=True)))
    .order_by(deliveries.c.expires_at)
    .limit(bindparam("limit", type_=Integer))
)
_by_delivery = select(deliveries).where(deliveries.c.delivery_id == bindparam("delivery_id", type_=Uuid))
_FIND = Query(_by_delivery)
_LOCK_ONE = Query(_by_delivery.with_for_update())


def _insertion(columns: Sequence[str]) -> Query:
    return Query(bulk_insert(deliveries, *columns).on_conflict_do_nothing().returning(deliveries.c.order_id))


def _changing(columns: Sequence[str]) -> Query:
    new = func.unnest(*(array(f"new_{name}", deliveries.c[name]) for name in columns)).table_valued(*columns)
    new = new.render_derived("new")
    written = {deliveries.c[name]: new.c[name] for name in columns if name not in ("order_id", "delivery_id")}
    return Query(update(deliveries).where(deliveries.c.order_id == new.c.order_id).values(written))


_INSERT, _INSERT_BARE = _insertion(_COLUMNS), _insertion(_PROGRESS)
_UPDATE, _UPDATE_BARE = _changing(_COLUMNS), _changing(_PROGRESS)
_page = select(deliveries).where(deliveries.c.delivery_id > bindparam("after", type_=Uuid))
_page = _page.order_by(deliveries.c.delivery_id).limit(bindparam("limit", type_=Integer))
_of_customer = deliveries.c.customer_id == bindparam("customer_id", type_=Text)
_of_order = deliveries.c.order_id == bindparam("order_id", type_=Uuid)
_PAGES = {
    (False, False): Query(_page),
    (True, False): Query(_page.where(_of_customer)),
    (False, True): Query(_page.where(_of_order)),
    (True, True): Query(_page.where(_of_customer, _of_order)),
}
