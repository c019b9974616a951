"""What a shopkeeper does: adding products, changing them, putting stock in and taking it out.

Each is one transaction that changes one product, and announces its new state where the wiring announces.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kit.database import Connection
from products_svc import idempotency, refusals, store
from products_svc.domain import Product, StockError, Warehouse
from products_svc.idempotency import Told
from products_svc.schemas import CatalogueEntry, NewProduct, dumps

_SEED_AT_A_TIME = 1000


class Catalogue:
    """All methods commit before they return. What they raise as Problem has left nothing behind."""

    def __init__(self, begin: store.Begin) -> None:
        self._begin = begin

    async def create(self, new: NewProduct, key: str | None) -> Told:
        """The product, 201; 200 when it exists with just this content. Problems: 409 for an id that is taken, and when
        there is no next one."""
        async with self._begin() as connection:
            content = ("create", new.id, new.name, new.price, new.stock, new.image_url)
            told = await idempotency.claim(connection, key, *content)
            if told is None:
                told = await _create(connection, new)
                await idempotency.keep(connection, key, told)
        return told

    async def change(self, product_id: int, values: dict[str, Any]) -> Told:
        """The product with ``values`` (name, price, image_url, withdrawn). Problems: 404."""
        async with self._begin() as connection:
            product = await _lock(connection, product_id)
            product.change(**values)
            return await _save(connection, product)

    async def move(self, product_id: int, delta: int, key: str | None) -> Told:
        """The product with ``delta`` pieces more (put in) or less (taken out). Problems: 404, 409 for too few."""
        async with self._begin() as connection:
            told = await idempotency.claim(connection, key, "move", product_id, delta)
            if told is None:
                product = await _lock(connection, product_id)
                _move(product, delta, key)
                told = await _save(connection, product)
                await idempotency.keep(connection, key, told)
        return told

    async def seed(self, entries: Sequence[CatalogueEntry], *, at: datetime | None = None) -> int:
        """Adds those products whose ids are not there yet; how many it were. The others stay as they are. ``at`` is
        the business time from which on they are sold; None: now."""
        count, at = 0, at or datetime.now(UTC)
        for first in range(0, len(entries), _SEED_AT_A_TIME):
            some = entries[first : first + _SEED_AT_A_TIME]
            products = [Product.new(one.id, one.name, one.price, one.stock, one.image_url, at=at) for one in some]
            async with self._begin() as connection:
                count += len(await store.insert_new(connection, products))
        return count


async def _create(connection: Connection, new: NewProduct) -> Told:
    while True:
        product_id = new.id or await store.next_id(connection)
        if product_id is None:
            raise refusals.no_id_left()
        at = datetime.now(UTC)
        product = Product.new(product_id, new.name, new.price, new.stock, new.image_url, at=at)
        if await store.insert_new(connection, [product]):
            return Told(201, dumps(product))
        if new.id is not None:
            return await _existing(connection, new.id, new)


async def _existing(connection: Connection, product_id: int, new: NewProduct) -> Told:
    product = await _lock(connection, product_id)
    stock = await store.first_stock(connection, product_id)
    if (product.name, product.price, stock, product.image_url) != (new.name, new.price, new.stock, new.image_url):
        raise refusals.id_taken(product_id)
    return Told(200, dumps(product))


async def _lock(connection: Connection, product_id: int) -> Product:
    locked = await store.lock(connection, [product_id])
    if not locked:
        raise refusals.unknown_product(product_id)
    return locked[0]


def _move(product: Product, delta: int, key: str | None) -> None:
    at = datetime.now(UTC)
    try:
        if delta > 0:
            product.put_in(delta, at=at, idempotency_key=key)
        else:
            product.take_out(-delta, at=at, idempotency_key=key)
    except StockError as error:
        raise refusals.stock(error, product.id, product.stock) from error


async def _save(connection: Connection, product: Product) -> Told:
    warehouse = Warehouse([product])
    warehouse.close(at=datetime.now(UTC))
    await store.save(connection, warehouse)
    return Told(200, dumps(product))
