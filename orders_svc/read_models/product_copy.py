"""The product copy: what orders knows of every product, without asking the products service."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import func

from events.catalogue import Event, ProductChanged
from events.envelope import Envelope
from kit.database import Connection, Query, bulk_insert, columns_of
from orders_svc.read_models.tables import PRODUCT_COPY, product_copy, read_models

_COLUMNS = ("product_id", "name", "price", "stock", "image_url", "withdrawn", "version", "changed_at")
_insert = bulk_insert(product_copy, *_COLUMNS)
_UPSERT = Query(
    _insert.on_conflict_do_update(
        index_elements=[product_copy.c.product_id],
        set_={name: _insert.excluded[name] for name in _COLUMNS[1:]} | {"copied_at": func.clock_timestamp()},
        where=product_copy.c.version < _insert.excluded.version,
    )
)
_ready = bulk_insert(read_models, "name", "ready_at")
_READY = Query(
    _ready.on_conflict_do_update(
        index_elements=[read_models.c.name],
        set_={"ready_at": func.coalesce(read_models.c.ready_at, _ready.excluded.ready_at)},
    )
)
_NOW = Query(func.clock_timestamp().select())


def fold(envelopes: Iterable[Envelope[ProductChanged]]) -> list[Envelope[ProductChanged]]:
    """Of each product the change with the highest version (not the last seen), by product id."""
    newest: dict[int, Envelope[ProductChanged]] = {}
    for envelope in envelopes:
        known = newest.get(envelope.data.product_id)
        if known is None or known.sequence < envelope.sequence:
            newest[envelope.data.product_id] = envelope
    return [newest[product_id] for product_id in sorted(newest)]


class ProductCopy:
    """The read model. An older version never overwrites a newer one, however often or late it comes."""

    name: str = PRODUCT_COPY
    topics: Sequence[str] = ("products",)
    events: Collection[type[Event]] = (ProductChanged,)

    async def apply(self, connection: Connection, envelopes: Sequence[Envelope[Any]]) -> None:
        """One statement, rows in the order of their keys: two writers cannot deadlock."""
        rows = [
            (
                product.product_id,
                product.name,
                product.price,
                product.stock,
                product.image_url,
                product.withdrawn,
                envelope.sequence,
                envelope.time,
            )
            for envelope in fold(envelopes)
            for product in (envelope.data,)
        ]
        await connection.execute(_UPSERT, **columns_of(_COLUMNS, rows))


async def mark_ready(connection: Connection) -> None:
    """From now on orders answers from the copy: it has once held everything. Marking again changes nothing."""
    now = await connection.fetch_value(_NOW)
    await connection.execute(_READY, **columns_of(("name", "ready_at"), [(PRODUCT_COPY, now)]))
