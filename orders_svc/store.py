"""orders' own tables, and how orders are loaded and saved: always many at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
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
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from events.outbox import Announcing, Transaction
from kit.database import Connection, Query, Row, array, bulk_insert, columns_of
from orders_svc.domain import Order, Status

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("product_id", BigInteger, nullable=False),
    Column("product_name", Text, nullable=False),
    Column("product_version", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("customer_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("cancellation_refused", Text),
    Column("version", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("price_seen_at", DateTime(timezone=True)),
    Column("promised_at", DateTime(timezone=True)),
    CheckConstraint("quantity > 0", name="orders_quantity_positive"),
    CheckConstraint(
        "status IN ('pending', 'cancelling', 'confirmed', 'rejected', 'cancelled')", name="orders_status_known"
    ),
    Index("orders_of_customer", "customer_id", "id"),
    Index("orders_unsettled", "placed_at", postgresql_where=literal_column("status IN ('pending', 'cancelling')")),
)
"""The second index holds only orders that are on their way, so it stays small however many there were."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("idempotency_keys_created_at", "created_at"),
)
"""``fingerprint`` is a digest of what was ordered: the same key with other content is refused."""

KEYS_LIVE = timedelta(hours=24)

_COLUMNS = tuple(column.name for column in orders.columns)
_CHANGING = ("id", "status", "reason", "cancellation_refused", "version", "settled_at", "changed_at")
_KEY_COLUMNS = ("key", "fingerprint", "order_id", "created_at")
_IDS = array("ids", orders.c.id)
_changed = func.unnest(*(array(f"new_{name}", orders.c[name]) for name in _CHANGING)).table_valued(*_CHANGING)
_changed = _changed.render_derived("changed")

_INSERT = Query(bulk_insert(orders, *_COLUMNS))
_INSERT_ANNOUNCING = Announcing(bulk_insert(orders, *_COLUMNS))
_LOAD = Query(select(orders).where(orders.c.id == any_(_IDS)))
_LOAD_LOCKED = Query(select(orders).where(orders.c.id == any_(_IDS)).order_by(orders.c.id).with_for_update())
_save = (
    update(orders)
    .where(orders.c.id == _changed.c.id)
    .values({orders.c[name]: _changed.c[name] for name in _CHANGING if name != "id"})
)
_SAVE = Query(_save)
_SAVE_UNCHANGED = Query(_save.where(orders.c.version == _changed.c.version - 1).returning(orders.c.id))
_after = bindparam("after", type_=Uuid)
_page = select(orders).where(orders.c.id > _after).order_by(orders.c.id).limit(bindparam("limit", type_=Integer))
_PAGE = Query(_page)
_CUSTOMERS_PAGE = Query(_page.where(orders.c.customer_id == bindparam("customer_id", type_=Text)))
_STUCK = Query(
    select(orders)
    .where(
        orders.c.status.in_([literal_column("'pending'"), literal_column("'cancelling'")]),
        orders.c.status == any_(array("statuses", orders.c.status)),
        orders.c.placed_at < bindparam("before", type_=DateTime(timezone=True)),
        orders.c.changed_at < bindparam("before", type_=DateTime(timezone=True)),
    )
    .order_by(orders.c.placed_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_PROMISE = Query(
    update(orders)
    .where(orders.c.id == any_(_IDS), orders.c.status == Status.PENDING)
    .values(promised_at=func.coalesce(orders.c.promised_at, bindparam("at", type_=DateTime(timezone=True))))
    .returning(orders.c.id)
)
_WAITING = Query(
    select(orders)
    .where(
        orders.c.status.in_([literal_column("'pending'"), literal_column("'cancelling'")]),
        orders.c.status == literal_column("'pending'"),
        or_(
            orders.c.promised_at.is_not(None),
            orders.c.placed_at < bindparam("before", type_=DateTime(timezone=True)),
        ),
        orders.c.id > bindparam("after", type_=Uuid),
    )
    .order_by(orders.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_CLAIM_KEYS = Query(
    bulk_insert(idempotency_keys, *_KEY_COLUMNS).on_conflict_do_nothing().returning(idempotency_keys.c.key)
)
_FIND_KEYS = Query(
    select(idempotency_keys.c.fingerprint, idempotency_keys.c.key, orders)
    .join(orders, orders.c.id == idempotency_keys.c.order_id)
    .where(idempotency_keys.c.key == any_(array("keys", idempotency_keys.c.key)))
)
_old = (
    select(idempotency_keys.c.key)
    .where(idempotency_keys.c.created_at < bindparam("before", type_=DateTime(timezone=True)))
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_PRUNE_KEYS = Query(delete(idempotency_keys).where(idempotency_keys.c.key.in_(_old)))
_FIRST_ID = UUID(int=0)


async def insert(connection: Connection, new: Iterable[Order]) -> None:
    await connection.execute(_INSERT, **_columns(_COLUMNS, new))


async def insert_announcing(transaction: Transaction, new: Sequence[Order]) -> None:
    """Inserts the orders and writes their events, in one statement."""
    for order in new:
        transaction.record(order.events)
    await transaction.announce(_INSERT_ANNOUNCING, **_columns(_COLUMNS, new))


async def load(connection: Connection, ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Order]:
    """The orders that exist among ``ids``. ``lock`` keeps others from changing them until the transaction ends; locks
    are taken in the order of the ids, so that two batches never wait for each other."""
    rows = await connection.fetch(_LOAD_LOCKED if lock else _LOAD, ids=list(ids))
    return {row["id"]: _order(row) for row in rows}


async def save(connection: Connection, changed: Sequence[Order]) -> None:
    """Writes back what can change; the orders must have been loaded with ``lock`` in the same transaction."""
    await connection.execute(_SAVE, **_columns(_CHANGING, changed, "new_"))


async def save_unless_overtaken(connection: Connection, changed: Sequence[Order]) -> set[UUID]:
    """Writes orders that are one step further than when they were read or inserted, without a lock in between; returns
    those that were written. The others have been changed by somebody else meanwhile."""
    rows = await connection.fetch(_SAVE_UNCHANGED, **_columns(_CHANGING, changed, "new_"))
    return {row["id"] for row in rows}


async def page(connection: Connection, *, customer_id: str | None, after: UUID | None, limit: int) -> list[Order]:
    """``limit`` orders after the order ``after``, oldest first; of one customer, or of all."""
    after = after or _FIRST_ID
    if customer_id is None:
        rows = await connection.fetch(_PAGE, after=after, limit=limit)
    else:
        rows = await connection.fetch(_CUSTOMERS_PAGE, customer_id=customer_id, after=after, limit=limit)
    return [_order(row) for row in rows]


async def stuck(connection: Connection, statuses: Iterable[Status], *, before: datetime, limit: int) -> list[Order]:
    """Unsettled orders placed before ``before`` and untouched since, locked; those that somebody else holds are left
    to them."""
    rows = await connection.fetch(_STUCK, statuses=list(statuses), before=before, limit=limit)
    return [_order(row) for row in rows]


async def promise(connection: Connection, ids: Iterable[UUID], *, at: datetime) -> set[UUID]:
    """Notes that these orders were promised; the ids of those that were still pending."""
    return {row["id"] for row in await connection.fetch(_PROMISE, ids=sorted(ids), at=at)}


async def waiting_for_delivery(
    connection: Connection, *, before: datetime, after: UUID | None, limit: int
) -> list[Order]:
    """Pending orders that were promised, or placed before ``before`` and left behind by a crash; after the order
    ``after``, oldest first."""
    rows = await connection.fetch(_WAITING, before=before, after=after or _FIRST_ID, limit=limit)
    return [_order(row) for row in rows]


async def claim_keys(connection: Connection, keys: Sequence[tuple[str, str, UUID, datetime]]) -> set[str]:
    """Writes (key, fingerprint, order id, time) where the key is new; returns those keys. Waits for a transaction that
    has just claimed the same key. ``keys`` must be sorted (concurrent claims would deadlock) and distinct."""
    rows = await connection.fetch(_CLAIM_KEYS, **columns_of(_KEY_COLUMNS, keys))
    return {row["key"] for row in rows}


async def find_keys(connection: Connection, keys: Iterable[str]) -> dict[str, tuple[str, Order]]:
    """Fingerprint and order of each key that is known."""
    rows = await connection.fetch(_FIND_KEYS, keys=list(keys))
    return {row["key"]: (row["fingerprint"], _order(row)) for row in rows}


async def prune_keys(connection: Connection, *, before: datetime, limit: int) -> int:
    """Forgets up to ``limit`` keys claimed before ``before``; how many it were."""
    return await connection.execute(_PRUNE_KEYS, before=before, limit=limit)


def _columns(names: Sequence[str], some: Iterable[Order], prefix: str = "") -> dict[str, list[Any]]:
    some = list(some)
    return {prefix + name: [getattr(order, name) for order in some] for name in names}


def _order(row: Row) -> Order:
    return Order(
        id=row["id"],
        product_id=row["product_id"],
        product_name=row["product_name"],
        product_version=row["product_version"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        amount=row["amount"],
        customer_id=row["customer_id"],
        customer_name=row["customer_name"],
        address=row["address"],
        status=Status(row["status"]),
        reason=row["reason"],
        cancellation_refused=row["cancellation_refused"],
        version=row["version"],
        placed_at=row["placed_at"],
        settled_at=row["settled_at"],
        changed_at=row["changed_at"],
        price_seen_at=row["price_seen_at"],
        promised_at=row["promised_at"],
    )
