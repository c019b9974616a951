"""The prices that orders has seen, for the time in which products cannot be asked: one row a product that was ordered.

In a table and not in memory, because a service that has just been started again needs them most, and because every
replica has then seen what one of them has.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, any_, bindparam, delete, select

from kit.database import Database, Query, array, bulk_insert, columns_of
from kit.grouping import Grouping
from orders_svc.domain import ShownProduct

metadata = MetaData()

last_prices = Table(
    "last_prices",
    metadata,
    Column("product_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
"""``version`` is the product's when the row was written; an older one never replaces a newer one."""

FRESH_SECONDS = 30.0
"""A price that is seen again and again is written again after this time: so long may ``seen_at`` lag behind."""
_REMEMBERED = 10_000

_COLUMNS = ("product_id", "name", "price", "version", "seen_at")
_insert = bulk_insert(last_prices, *_COLUMNS)
_SAVE = Query(
    _insert.on_conflict_do_update(
        index_elements=["product_id"],
        set_={name: _insert.excluded[name] for name in _COLUMNS[1:]},
        where=last_prices.c.version <= _insert.excluded.version,
    )
)
_LAST = Query(select(last_prices).where(last_prices.c.product_id == bindparam("product_id", type_=BigInteger)))
_FORGET = Query(
    delete(last_prices).where(last_prices.c.product_id == any_(array("product_ids", last_prices.c.product_id)))
)


class LastPrices:
    """Remembers what products answered, and knows it when products does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[int, tuple[str, int, float]] = {}
        self._writing = Grouping(self._write, name="remember the price")
        self._forgetting = Grouping(self._delete, name="forget the price")

    async def remember(self, product: ShownProduct) -> None:
        """It was just seen. Costs a statement only when its name or price is new here, or after ``FRESH_SECONDS``."""
        name, price, at = self._written.get(product.id, ("", -1, 0.0))
        if (name, price) != (product.name, product.price) or monotonic() - at > FRESH_SECONDS:
            await self._writing.do(product)

    async def last(self, product_id: int) -> ShownProduct | None:
        """The product as it was last seen, marked with the time; None when it never was."""
        async with self._database.connection() as connection:
            row = await connection.fetch_one(_LAST, product_id=product_id)
        if row is None:
            return None
        return ShownProduct(product_id, row["name"], row["price"], row["version"], row["seen_at"])

    async def forget(self, product_id: int) -> None:
        """It is not sold any more."""
        await self._forgetting.do(product_id)

    async def _write(self, products: Sequence[ShownProduct]) -> Sequence[None]:
        newest: dict[int, ShownProduct] = {}
        for product in products:
            if product.id not in newest or newest[product.id].version <= product.version:
                newest[product.id] = product
        at = datetime.now(UTC)
        rows = [(id, one.name, one.price, one.version, at) for id, one in sorted(newest.items())]
        async with self._database.connection() as connection:
            await connection.execute(_SAVE, **columns_of(_COLUMNS, rows))
        if len(self._written) > _REMEMBERED:
            self._written.clear()
        self._written |= {id: (one.name, one.price, monotonic()) for id, one in newest.items()}
        return [None] * len(products)

    async def _delete(self, product_ids: Sequence[int]) -> Sequence[None]:
        async with self._database.connection() as connection:
            await connection.execute(_FORGET, product_ids=sorted(set(product_ids)))
        for product_id in product_ids:
            self._written.pop(product_id, None)
        return [None] * len(product_ids)
