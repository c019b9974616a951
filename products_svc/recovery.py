"""Products, reservations and ledger out of what products itself has announced (``python -m products_svc recover``; see
``events.recovering``).

``ProductChanged`` carries the whole product, so its last one says what there was; ``StockReserved`` and its like say
what orders have taken of it. What lies between them and the restored ledger was put in or taken out by a shopkeeper:
the ledger gets it in one entry, or two, without the requests' idempotency keys.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import any_, select

from events.catalogue import Event, ProductChanged, StockRejected, StockReleased, StockReserved
from events.envelope import Envelope
from events.outbox import Outbox, Transaction
from events.recovering import RecoveryError
from kit.database import Query, array, bulk_insert, columns_of
from products_svc import store
from products_svc.domain import Cause, Movement, Product, Reservation, State
from products_svc.tables import products, reservations, stock_ledger

TOPICS = ("products", "stock")

_STATE: Mapping[type[Event], State] = {
    StockReserved: State.RESERVED,
    StockRejected: State.REJECTED,
    StockReleased: State.RELEASED,
}
_PRODUCT = tuple(column.name for column in products.columns)
_RESERVATION = tuple(column.name for column in reservations.columns)
_MOVEMENT = {"product_id": "product_id", "delta": "delta", "balance": "balance", "reason": "cause"} | {
    "order_id": "order_id",
    "idempotency_key": "idempotency_key",
    "at": "at",
}


class PutBackProducts:
    """``take`` only collects, in memory, what is not in the database; ``finish`` writes, a product a transaction."""

    def __init__(self) -> None:
        self._newest: dict[int, Envelope[ProductChanged]] = {}
        self._missing: dict[int, dict[tuple[UUID, int], Envelope[Any]]] = defaultdict(dict)

    async def take(self, transaction: Transaction, envelopes: Sequence[Envelope[Any]]) -> int:
        about_orders = [each for each in envelopes if not isinstance(each.data, ProductChanged)]
        for each in envelopes:
            known = self._newest.get(each.data.product_id)
            if isinstance(each.data, ProductChanged) and (known is None or known.sequence < each.sequence):
                self._newest[each.data.product_id] = each
        rows = await transaction.fetch(_VERSIONS, ids=[each.data.order_id for each in about_orders])
        versions = {row["order_id"]: row["version"] for row in rows}
        for each in about_orders:
            if each.sequence > versions.get(each.data.order_id, 0):
                self._missing[each.data.product_id][each.data.order_id, each.sequence] = each
        return 0

    async def finish(self, outbox: Outbox) -> int:
        count = 0
        for product_id in sorted(self._newest.keys() | self._missing.keys()):
            missing = sorted(self._missing.get(product_id, {}).values(), key=lambda each: (each.time, each.sequence))
            async with outbox.transaction() as transaction:
                count += await _put_back(transaction, product_id, self._newest.get(product_id), missing)
        return count


async def _put_back(
    transaction: Transaction,
    product_id: int,
    newest: Envelope[ProductChanged] | None,
    missing: Sequence[Envelope[Any]],
) -> int:
    """Brings one product and its orders' reservations to where they were announced to be, and announces the product
    anew, with a version that nobody has seen: how many aggregates that changed."""
    rows = await store.lock(transaction, [product_id])
    stored = rows[0] if rows else None
    version = stored.version if stored else 0
    further = newest is not None and newest.sequence > version
    if not further and not missing:
        return 0
    moves = [each for each in missing if _delta(each)]
    if stored is None and newest is None and moves:
        raise RecoveryError(f"orders have taken of product {product_id}, and no event says what it is")
    if newest is not None and further:
        target = newest.data.stock + sum(_delta(each) for each in moves if each.time > newest.time)
    else:
        target = (stored.stock if stored else 0) + sum(map(_delta, moves))
    if stored or newest:
        at = datetime.now(UTC)
        product = _product(stored, newest.data if newest and further else None, at)
        product.version = max(version, newest.sequence if newest else 0)
        entries = list(_entries(product, moves, max(0, target), at))
        product.stock = entries[-1].balance if entries else product.stock
        product.announce(at=at, anew=True)
        await transaction.execute(_UPSERT, **columns_of(_PRODUCT, [tuple(getattr(product, n) for n in _PRODUCT)]))
        await transaction.execute(
            _INSERT_MOVEMENTS,
            **columns_of(tuple(_MOVEMENT), [tuple(getattr(each, n) for n in _MOVEMENT.values()) for each in entries]),
        )
        transaction.record(product.events)
    orders = {each.data.order_id: _reservation(each) for each in missing}
    await transaction.execute(
        _UPSERT_RESERVATIONS,
        **columns_of(_RESERVATION, [tuple(getattr(each, n) for n in _RESERVATION) for each in orders.values()]),
    )
    return len(orders) + (stored is not None or newest is not None)


def _product(stored: Product | None, announced: ProductChanged | None, at: datetime) -> Product:
    """With the announced description where that is newer, and still with the restored stock."""
    if announced is None:
        assert stored is not None
        return stored
    return Product(
        announced.product_id,
        announced.name,
        announced.price,
        stored.stock if stored else 0,
        announced.image_url,
        announced.withdrawn,
        version=0,
        changed_at=at,
    )


def _entries(product: Product, moves: Sequence[Envelope[Any]], target: int, at: datetime) -> Iterable[Movement]:
    put_in, taken_out = between(product.stock, [_delta(each) for each in moves], target)
    balance, first = product.stock + put_in, moves[0].time if moves else at
    if put_in:
        yield Movement(product.id, put_in, balance, Cause.PUT_IN, min(first, at))
    for each in moves:
        balance += _delta(each)
        cause = Cause.RESERVED if isinstance(each.data, StockReserved) else Cause.RELEASED
        yield Movement(product.id, _delta(each), balance, cause, each.time, each.data.order_id)
    if taken_out:
        yield Movement(product.id, -taken_out, balance - taken_out, Cause.TAKEN_OUT, at)


def between(stock: int, moves: Sequence[int], target: int) -> tuple[int, int]:
    """What must have been put in before these moves, and taken out after them, so that ``stock`` became ``target``
    (0 or more) and was never negative; as little as possible."""
    lowest, end = min(accumulate(moves, initial=stock)), stock + sum(moves)
    put_in = max(0, -lowest, target - end)
    return put_in, end + put_in - target


def _delta(envelope: Envelope[Any]) -> int:
    event = envelope.data
    sign = -1 if isinstance(event, StockReserved) else 1 if isinstance(event, StockReleased) else 0
    return sign * int(event.quantity)


def _reservation(envelope: Envelope[Any]) -> Reservation:
    event = envelope.data
    return Reservation(
        order_id=event.order_id,
        state=_STATE[type(event)],
        product_id=event.product_id,
        quantity=event.quantity,
        reason=event.reason if isinstance(event, StockRejected) else None,
        version=envelope.sequence,
        changed_at=envelope.time,
    )


_VERSIONS = Query(
    select(reservations.c.order_id, reservations.c.version).where(
        reservations.c.order_id == any_(array("ids", reservations.c.order_id))
    )
)
_upsert = bulk_insert(products, *_PRODUCT)
_UPSERT = Query(
    _upsert.on_conflict_do_update(
        index_elements=[products.c.id], set_={name: _upsert.excluded[name] for name in _PRODUCT if name != "id"}
    )
)
_upsert_reservations = bulk_insert(reservations, *_RESERVATION)
_UPSERT_RESERVATIONS = Query(
    _upsert_reservations.on_conflict_do_update(
        index_elements=[reservations.c.order_id],
        set_={name: _upsert_reservations.excluded[name] for name in _RESERVATION if name != "order_id"},
    )
)
_INSERT_MOVEMENTS = Query(bulk_insert(stock_ledger, *_MOVEMENT))
