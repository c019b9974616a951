"""A year of orders as if the shop had been open then: settled, reserved, delivered, announced, and past every consumer.

Batch by batch, orders first, then products, then delivery, so that whatever is interrupted leaves a state that the shop
itself knows: an order that others have still to hear of. A later run goes on where each service stopped.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from lab.running.errors import ShopError
from lab.running.layout import Layout
from lab.trace.catalogue import catalogue
from lab.trace.consumers import build_read_models, move_past
from lab.trace.lines import Counts, Trace
from lab.trace.publishing import Publisher, publishers
from lab.trace.sales import Comparison, compare, expected_sales
from lab.trace.standing import NotThisHistory, Standing, standing
from lab.trace.writing import Names, write_deliveries, write_orders, write_reservations
from products_svc.seeding import put_in
from products_svc.settings import ProductsSettings

OPENING = datetime(2016, 12, 31, tzinfo=UTC)
"""The business time of the catalogue: before the first line was bought."""

BATCH = 5000
MOST_WAITING = 20_000
"""Events that may wait in an outbox before the next batch is written to it."""

_STOCK = "SELECT id, stock, withdrawn FROM products WHERE id = ANY($1)"

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass
class History:
    """``orders`` were written by this run, ``present`` are there now; ``published`` counts the events of this run;
    ``moved`` maps consumers to the records they will not be handed, ``built`` read models to those that made them."""

    counts: Counts
    orders: int = 0
    present: int = 0
    products: int = 0
    published: int = 0
    seconds: float = 0.0
    moved: dict[str, int] = field(default_factory=dict)
    built: dict[str, int] = field(default_factory=dict)
    sales: list[Comparison] = field(default_factory=list)


async def seed_history(
    layout: Layout, limit: int | None, say: Say, progress: Progress, *, batch: int = BATCH
) -> History:
    """Writes the orders of the year's first ``limit`` lines (None: all) that are not there yet, ``batch`` at a time.

    The shop's processes must be stopped, and everything they need prepared. When it returns all of it is committed and
    published. Raises ShopError; NotThisHistory for a shop that has been open since, where there is something to do.
    """
    begin = time.monotonic()
    say("reading the year")
    year = Trace.read()
    counts = year.counts if limit is None else Trace.read(limit).counts
    stands = await standing(layout, year)
    done = History(counts)
    if not (stands.opened and stands.complete(counts.kept)):
        if stands.opened:
            raise NotThisHistory(
                "this shop has orders of its own, or has changed some of the history's, and events of both would be "
                "passed over: wipe it first (`shop down --wipe`), or seed into another SHOP_HOME"
            )
        await _write_all(layout, year, stands, done, batch, say, progress)
    say("comparing with what the data set says")
    done.sales = await compared(layout)
    done.present = done.sales[0].total.orders
    done.seconds = time.monotonic() - begin
    return done


async def compared(layout: Layout) -> list[Comparison]:
    """The sales of the history that is there, against the data set's. Raises NotThisHistory."""
    year = Trace.read()
    orders = (await standing(layout, year)).orders
    limit = year.slice(orders - 1, orders)[0].number + 1 if orders else 0
    connection = await asyncpg.connect(layout.service_url("orders"))
    try:
        return list(await compare(connection, expected_sales(limit)))
    finally:
        await connection.close()


async def _write_all(
    layout: Layout, year: Trace, stands: Standing, done: History, batch: int, say: Say, progress: Progress
) -> None:
    end = done.counts.kept
    say("the catalogue")
    entries = catalogue()
    settings = ProductsSettings(database_url=layout.service_url("products"), wiring=layout.wiring)
    done.products = await put_in(settings, entries, at=OPENING)
    await _stock_suffices(layout, year.units(stands.products))
    names = {entry.id: entry.name for entry in entries}
    async with publishers(layout) as services:
        say("orders, reservations and deliveries")
        await _write(year, stands, end, batch, services, names, progress)
        await _publish(services, say, progress)
        done.published = sum(service.published for service in services.values())
        say("moving the consumers past the history")
        databases = {name: service.database for name, service in services.items()}
        done.moved = await move_past(layout, databases)
        say("building the read models")
        done.built = await build_read_models(layout, databases["orders"], progress)
    done.orders = max(end - stands.orders, 0)


async def _write(
    year: Trace,
    stands: Standing,
    end: int,
    batch: int,
    services: dict[str, Publisher],
    names: Names,
    progress: Progress,
) -> None:
    """A pipeline: while delivery writes one batch, products writes the next, and orders the one after that."""
    steps: dict[str, Callable[[Publisher, Any], Awaitable[int]]] = {
        "orders": lambda service, lines: write_orders(service.outbox, lines, names),
        "products": lambda service, lines: write_reservations(service.outbox, lines),
        "delivery": lambda service, lines: write_deliveries(service.outbox, lines, names),
    }

    async def write(name: str, first: int) -> None:
        stood: int = getattr(stands, name)
        lines = year.slice(max(first, stood), min(first + batch, end)) if first >= begin else []
        if lines:
            service = services[name]
            await service.drained(to=MOST_WAITING)
            service.recorded += await steps[name](service, lines)

    begin = min(stands.orders, stands.products, stands.delivery)
    for first in range(begin, end + batch * (len(steps) - 1), batch):
        await _at_once(write(name, first - behind * batch) for behind, name in enumerate(steps))
        progress("orders", max(min(first - batch, end), begin), end)
    progress("orders", end, end)


async def _at_once(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Raises the first failure as it is; the others are rolled back then."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _publish(services: dict[str, Publisher], say: Say, progress: Progress) -> None:
    say("publishing the rest")
    for service in services.values():
        await service.drained()
    total = sum(service.published for service in services.values())
    progress("events", total, total)


async def _stock_suffices(layout: Layout, units: dict[int, int]) -> None:
    """Orders are written before their reservations, so there must be enough of everything beforehand."""
    connection = await asyncpg.connect(layout.service_url("products"))
    try:
        rows = await connection.fetch(_STOCK, list(units))
    finally:
        await connection.close()
    short = [row["id"] for row in rows if row["withdrawn"] or row["stock"] < units[row["id"]]]
    if short:
        raise ShopError(
            f"{len(short)} products have too little stock for the history, or are withdrawn, the first is {short[0]}: "
            "it needs a shop whose catalogue it may fill itself; `shop down --wipe` makes one"
        )
