"""The year as load: its lines in their order, at a rate or in their own time made faster."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import asyncpg

from lab.load.recorded import Arrival
from lab.running.errors import NotReady, ShopError
from lab.running.layout import Layout
from lab.trace.catalogue import catalogue
from lab.trace.lines import Trace
from products_svc.seeding import put_in
from products_svc.settings import ProductsSettings

_STUCK_SECONDS = 60.0
_COPIED = "SELECT count(*) FROM product_copy WHERE product_id = ANY($1)"


def arrivals(trace: Trace, *, rate: float = 0.0, speed: float = 0.0, seconds: float | None = None) -> Iterator[Arrival]:
    """At ``rate`` orders a second, evenly; or ``speed`` times faster than the lines were bought (a household's lines
    of one visit come at the same moment then). ``seconds`` ends it."""
    if (rate > 0) == (speed > 0):
        raise ShopError("give either a rate (orders/s) or a speed (times faster than it was)")
    begin = None
    for index, line in enumerate(trace):
        begin = begin or line.at
        offset = index / rate if rate else (line.at - begin).total_seconds() / speed
        if seconds is not None and offset >= seconds:
            return
        yield Arrival(offset, line.product, line.quantity, line.customer)


async def stock_up(layout: Layout, progress: Callable[[str, int, int], None]) -> int:
    """Puts the data set's products in that are not there yet, through products' own seeding, and waits until orders
    can sell them all; how many were new. Raises NotReady when the product copy does not get them for a minute."""
    entries = catalogue()
    settings = ProductsSettings(database_url=layout.service_url("products"), wiring=layout.wiring)
    added = await put_in(settings, entries)
    if layout.wiring == "events":
        await _copied(layout, [entry.id for entry in entries], progress)
    return added


async def _copied(layout: Layout, ids: Sequence[int], progress: Callable[[str, int, int], None]) -> None:
    connection = await asyncpg.connect(layout.auditor_url("orders"))
    clock = asyncio.get_running_loop().time
    seen, since = -1, clock()
    try:
        while (there := await connection.fetchval(_COPIED, ids)) < len(ids):
            progress("products known to orders", there, len(ids))
            if there != seen:
                seen, since = there, clock()
            elif clock() - since > _STUCK_SECONDS:
                raise NotReady(
                    f"orders knows {there:,} of {len(ids):,} products and learns no more; `shop status` says why"
                )
            await asyncio.sleep(0.25)
        progress("products known to orders", len(ids), len(ids))
    finally:
        await connection.close()
