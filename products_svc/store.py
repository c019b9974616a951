"""How a warehouse is filled from products' tables and saved to them: always many rows at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, any_, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from events.outbox import Transaction
from kit.database import Connection, Overtaken, Query, Row, array, bulk_insert, columns_of
from products_svc.domain import HIGHEST_ID, Movement, Product, Reservation, State, Warehouse
from products_svc.tables import products, reservations, stock_ledger

Begin = Callable[[], AbstractAsyncContextManager[Connection]]
"""Opens a transaction: an announcing one in the wiring ``events``, a plain one in the synchronous wirings."""

_PRODUCT = tuple(column.name for column in products.columns)
_CHANGE = ("id", "name", "price", "delta", "image_url", "withdrawn", "version", "changed_at")
_RESERVATION = tuple(column.name for column in reservations.columns)
_MOVEMENT = tuple(column.name for column in stock_ledger.columns if column.name != "id")


async def load(
    connection: Connection, product_ids: Iterable[int], order_ids: Iterable[UUID], *, in_turn: bool = True
) -> Warehouse:
    """A warehouse for deciding about orders: their reservations, and the products that these or ``product_ids`` name.

    Transactions that decide about orders come one after the other: they may load several times, so locking in order
    would not keep two replicas from waiting for each other crosswise, and they meet at the popular products anyway.
    Not ``in_turn`` is for a transaction about one order that stays open for long: only its product's row is locked.
    """
    query = _RESERVATIONS_IN_TURN if in_turn else _RESERVATIONS
    found = [_reservation(row) for row in await connection.fetch(query, ids=list(order_ids))]
    named = {known.product_id for known in found if known.product_id is not None}
    return Warehouse(await lock(connection, named.union(product_ids)), found)


async def lock(connection: Connection, product_ids: Iterable[int]) -> list[Product]:
    """The products that exist, locked until the transaction ends; locks are taken in the order of the ids."""
    return [product(row) for row in await connection.fetch(_LOCK, ids=list(product_ids))]


async def save(connection: Connection, warehouse: Warehouse) -> None:
    """Writes what was changed in a warehouse that ``load`` filled in the same transaction, in one statement, and
    announces it where the wiring announces (in a ``Transaction``).

    Raises Overtaken when another transaction has changed the same products or reservations in between.
    """
    changed = [product for product in warehouse.products.values() if product.events]
    touched = [reservation for reservation in warehouse.reservations.values() if reservation.changed]
    if not changed and not touched:
        return
    fresh = sorted((known for known in touched if known.loaded_version == 0), key=lambda known: known.order_id)
    earlier = [known for known in touched if known.loaded_version > 0]
    row = await connection.fetch_one(
        _SAVE,
        **_parameters("change", _CHANGE, [_change_row(product) for product in changed]),
        **_parameters("moved", _MOVEMENT, [_movement_row(movement) for movement in warehouse.movements]),
        **_parameters("fresh", _RESERVATION, [_reservation_row(known) for known in fresh]),
        **_parameters(
            "known", (*_RESERVATION, "loaded"), [(*_reservation_row(known), known.loaded_version) for known in earlier]
        ),
    )
    assert row is not None
    if [row["taken"], row["decided"], row["changed"]] != [len(changed), len(fresh), len(earlier)]:
        raise Overtaken("another transaction changed the same products or reservations")
    announce(connection, warehouse)


async def insert_new(connection: Connection, new: Sequence[Product]) -> list[Product]:
    """Writes products that did not exist; returns those (ids that are taken stay as they are) and announces them."""
    rows = [tuple(getattr(one, name) for name in _PRODUCT) for one in sorted(new, key=lambda one: one.id)]
    inserted = {row["id"] for row in await connection.fetch(_INSERT, **columns_of(_PRODUCT, rows))}
    created = [one for one in new if one.id in inserted]
    movements = [_movement_row(movement) for one in created for movement in one.movements]
    await connection.execute(_INSERT_MOVEMENTS, **columns_of(_MOVEMENT, movements))
    announce(connection, Warehouse(created))
    return created


def announce(connection: Connection, warehouse: Warehouse) -> None:
    """Records the events if this transaction announces; in the synchronous wirings it is a plain connection."""
    if isinstance(connection, Transaction):
        connection.record(warehouse.events)


async def expired_tries(connection: Connection, *, before: datetime, limit: int) -> list[UUID]:
    """The orders of up to ``limit`` reservations that are only tried and had time until ``before``, oldest first."""
    return [row["order_id"] for row in await connection.fetch(_EXPIRED_TRIES, before=before, limit=limit)]


async def find(connection: Connection, product_id: int) -> Row | None:
    """The row of one product."""
    return await connection.fetch_one(_FIND, id=product_id)


async def page(connection: Connection, *, after: int, limit: int) -> list[Row]:
    """``limit`` rows of products with an id over ``after``, in order of the id."""
    return await connection.fetch(_PAGE, after=after, limit=limit)


async def first_stock(connection: Connection, product_id: int) -> int | None:
    """What was put in when the product was created."""
    value: int | None = await connection.fetch_value(_FIRST_STOCK, id=product_id)
    return value


async def next_id(connection: Connection) -> int | None:
    """The number after the highest, None when that is ``HIGHEST_ID``; somebody else may take it first."""
    value: int | None = await connection.fetch_value(_NEXT_ID)
    return value


def product(row: Row) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        price=row["price"],
        stock=row["stock"],
        image_url=row["image_url"],
        withdrawn=row["withdrawn"],
        version=row["version"],
        changed_at=row["changed_at"],
    )


def _reservation(row: Row) -> Reservation:
    return Reservation(
        order_id=row["order_id"],
        state=State(row["state"]),
        product_id=row["product_id"],
        quantity=row["quantity"],
        reason=row["reason"],
        version=row["version"],
        changed_at=row["changed_at"],
        outdated_price=row["outdated_price"],
        expires_at=row["expires_at"],
        loaded_version=row["version"],
    )


def _change_row(one: Product) -> tuple[Any, ...]:
    delta = sum(movement.delta for movement in one.movements)
    return one.id, one.name, one.price, delta, one.image_url, one.withdrawn, one.version, one.changed_at


def _reservation_row(one: Reservation) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in _RESERVATION)


def _movement_row(one: Movement) -> tuple[Any, ...]:
    return one.product_id, one.delta, one.balance, one.cause, one.order_id, one.idempotency_key, one.at


def _rows(name: str, columns: Mapping[str, Column[Any]]) -> Any:
    """Rows out of one array parameter a column, called ``<name>_<column>``; they keep the order of the arrays."""
    parameters = [array(f"{name}_{label}", column) for label, column in columns.items()]
    return func.unnest(*parameters).table_valued(*columns).render_derived(name)


def _parameters(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    return {f"{name}_{label}": values for label, values in columns_of(columns, rows).items()}


def _save_statement() -> Query:
    """Changes products, adds to the ledger, writes new and changed reservations; counts what it found as expected."""
    change = _rows("change", {name: products.c["stock" if name == "delta" else name] for name in _CHANGE})
    taken = (
        update(products)
        .where(products.c.id == change.c.id, products.c.version == change.c.version - 1)
        .where(products.c.stock + change.c.delta >= 0)
        .values({products.c[name]: change.c[name] for name in _CHANGE if name not in ("id", "delta")})
        .values({products.c.stock: products.c.stock + change.c.delta})
        .returning(products.c.id)
        .cte("taken")
    )
    moved = _rows("moved", {name: stock_ledger.c[name] for name in _MOVEMENT})
    written = insert(stock_ledger).from_select(list(_MOVEMENT), select(moved)).cte("written")
    fresh = _rows("fresh", {name: reservations.c[name] for name in _RESERVATION})
    decided = (
        insert(reservations)
        .from_select(list(_RESERVATION), select(fresh))
        .on_conflict_do_nothing()
        .returning(reservations.c.order_id)
    )
    columns = {name: reservations.c[name] for name in _RESERVATION} | {"loaded": reservations.c.version}
    known = _rows("known", columns)
    changed = (
        update(reservations)
        .where(reservations.c.order_id == known.c.order_id, reservations.c.version == known.c.loaded)
        .values({reservations.c[name]: known.c[name] for name in _RESERVATION if name != "order_id"})
        .returning(reservations.c.order_id)
    )
    parts = (taken, decided.cte("decided"), changed.cte("changed"))
    counts = (select(func.count()).select_from(part).scalar_subquery().label(part.name) for part in parts)
    return Query(select(*counts).add_cte(written))


_SAVE = _save_statement()
_INSERT = Query(bulk_insert(products, *_PRODUCT).on_conflict_do_nothing().returning(products.c.id))
_INSERT_MOVEMENTS = Query(bulk_insert(stock_ledger, *_MOVEMENT))
_LOCK = Query(
    select(products).where(products.c.id == any_(array("ids", products.c.id))).order_by(products.c.id).with_for_update()
)
_turn = select(func.pg_advisory_xact_lock(literal_column(str(0x73746F636B)))).cte("turn").prefix_with("MATERIALIZED")
_reservations = select(reservations).where(reservations.c.order_id == any_(array("ids", reservations.c.order_id)))
_RESERVATIONS = Query(_reservations)
_RESERVATIONS_IN_TURN = Query(_reservations.where(select(func.count()).select_from(_turn).scalar_subquery() == 1))
_EXPIRED_TRIES = Query(
    select(reservations.c.order_id)
    .where(reservations.c.expires_at.is_not(None))
    .where(reservations.c.expires_at <= bindparam("before", type_=DateTime(timezone=True)))
    .order_by(reservations.c.expires_at)
    .limit(bindparam("limit", type_=Integer))
)
_FIND = Query(select(products).where(products.c.id == bindparam("id", type_=BigInteger)))
_PAGE = Query(
    select(products)
    .where(products.c.id > bindparam("after", type_=BigInteger))
    .order_by(products.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_FIRST_STOCK = Query(
    select(stock_ledger.c.delta)
    .where(stock_ledger.c.product_id == bindparam("id", type_=BigInteger))
    .order_by(stock_ledger.c.id)
    .limit(1)
)
_highest = select(func.coalesce(func.max(products.c.id), 0).label("id")).where(products.c.id <= HIGHEST_ID).subquery()
_NEXT_ID = Query(select(_highest.c.id + 1).where(_highest.c.id < HIGHEST_ID))
