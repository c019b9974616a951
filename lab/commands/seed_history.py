"""``shop seed-history``: a real year of orders, as if the shop had been open then."""

import asyncio
import gc
import logging
import sys
from dataclasses import asdict
from typing import Annotated, Any

import structlog
import typer

from lab.commands.advancing import Advancing
from lab.console import FINDINGS, console, errors, fail, plain_errors, print_json, step
from lab.running.errors import ShopError
from lab.running.layout import running_shop
from lab.running.prepare import prepare
from lab.running.shop import ground, shop_layout
from lab.supervision import Home, read_state
from lab.trace.dataset import NAMES
from lab.trace.history import BATCH, History, compared, seed_history
from lab.trace.sales import Comparison


def seed_history_command(
    trace: Annotated[str, typer.Option(help=f"Which data set: {', '.join(NAMES)}.")] = NAMES[0],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many lines of the year.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=20_000, help="Orders a transaction.")] = BATCH,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing: compare the sales of the shop that runs with the data set's."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Fill a stopped shop with a real year of settled orders: 1,460,406 of them, with the business time of 2017.

    They are written through the services' own stores and outboxes and published by their own relays. Every consumer is
    moved past them, so that nothing reacts to 2017, and every read model is rebuilt from them. Killed at any moment, it
    goes on where it stopped when it is run again. Ends with a comparison of sales per product and day with the data
    set's own.

    Exit code 0: all is written and the sales are equal; 1: they differ, or it could not be done.

    Example: `shop seed-history --limit 100000`
    """
    if trace not in NAMES:
        raise fail(f"there is no data set {trace!r}; there are {', '.join(NAMES)}", code=2)
    home = Home.from_environment()
    with plain_errors():
        if check:
            found = asyncio.run(compared(running_shop(home)))
            document: dict[str, Any] = {"sales": [_sales(one) for one in found]}
        else:
            if read_state(home) is not None:
                raise ShopError("a shop runs here, and its services would be in the way; stop it first: `shop down`")
            done = asyncio.run(_seed(home, limit, batch))
            found, document = done.sales, _document(done)
    if as_json:
        print_json(document)
    else:
        if not check:
            _show(done)
        for one in found:
            _show_sales(one)
    raise typer.Exit(0 if all(one.equal for one in found) else FINDINGS)


async def _seed(home: Home, limit: int | None, batch: int) -> History:
    _silence_the_relays()
    # A batch is a million objects that live until its commit; looking for cycles in them takes a third of the time.
    gc.set_threshold(100_000, 50, 1000)
    async with ground(home, step, lambda _name, _line: None, lambda name, text: step(f"{name}: {text}")) as on:
        layout = shop_layout(on, "events")
        await prepare(layout, step)
        with Advancing(errors) as bar:
            return await seed_history(layout, limit, step, bar.advance, batch=batch)


def _silence_the_relays() -> None:
    """They run in this process; what they say is a service's log, not this command's output. One that does not publish
    is an error of the command."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _document(done: History) -> dict[str, Any]:
    return {
        "lines": {**asdict(done.counts), "excluded": done.counts.excluded},
        "products_written": done.products,
        "orders_written": done.orders,
        "orders_present": done.present,
        "events_published": done.published,
        "records_passed_over": done.moved,
        "read_models": done.built,
        "seconds": round(done.seconds, 3),
        "orders_per_second": round(done.orders / done.seconds),
        "sales": [_sales(one) for one in done.sales],
    }


def _sales(one: Comparison) -> dict[str, Any]:
    return {
        "source": one.source,
        "rows": one.rows,
        **one.total._asdict(),
        "equal": one.equal,
        "differing": one.count,
        "differences": one.differing,
    }


def _show(done: History) -> None:
    counts = done.counts
    console.print(
        f"read {counts.read:,} lines: {counts.kept:,} are orders; left out {counts.excluded:,} "
        f"({counts.without_quantity:,} without a quantity, {counts.without_product:,} of a product that is not in the "
        f"catalogue, {counts.without_both:,} are both)"
    )
    if not done.orders and not done.published:
        console.print("[green]All of it was there already[/green]; nothing was changed")
    else:
        rate = f"{done.orders / done.seconds:,.0f} orders/s" if done.orders else "nothing was missing"
        console.print(
            f"[green]{done.orders:,} orders written[/green], {done.published:,} events published, in "
            f"{done.seconds:,.1f} s ({rate}); {done.present:,} orders of the history are there"
        )
        for consumer, records in done.moved.items():
            console.print(f"  {consumer:14} moved past {records:,} records")
        for model, events in done.built.items():
            console.print(f"  {model:14} built from {events:,} events")


def _show_sales(one: Comparison) -> None:
    """Revenue in whole money, as people write it."""
    verdict = "[green]equal to the data set's[/green]" if one.equal else f"[red]{one.count:,} rows differ[/red]"
    console.print(
        f"sales by the {one.source}: {one.rows:,} rows of product and day, {one.total.orders:,} orders, "
        f"{one.total.units:,} units, {one.total.revenue / 100:,.2f}: {verdict}"
    )
    for key, what in list(one.differing.items())[:10]:
        console.print(f"  [red]{key}[/red]: {what}")
