"""``shop replay product-copy``: build the read model anew from its topic, prove it equal, swap."""

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from events.kafka import Kafka
from lab.console import console, errors, fail, plain_errors, print_json
from lab.replay.outcome import Rebuild, summary
from lab.replay.product_copy import RebuildRunning, rebuild
from lab.running.errors import ShopError
from lab.running.layout import running_shop
from lab.supervision import Home

app = typer.Typer(no_args_is_help=True)


@app.callback()
def replay() -> None:
    """Read topics again: rebuild a read model while the shop is open.

    Example: `shop replay product-copy --check`
    """


@app.command("product-copy")
def replay_product_copy(
    check: Annotated[bool, typer.Option("--check", help="Build and compare, but do not swap.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Swap even though it differs from the live one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Rebuild orders' product copy from its topic beside the live one, compare both, and swap if they are equal.

    Never moves a consumer group, never publishes. Exit code 0: equal (and swapped); 1: they differ.

    Example: `shop replay product-copy --check --json`
    """
    with plain_errors():
        layout = running_shop(Home.from_environment())
        if layout.wiring != "events":
            raise ShopError("only the wiring `events` has a product copy: `shop up --wiring events`")
        try:
            done = asyncio.run(_run(layout.broker(), layout.service_url("orders"), check, force))
        except RebuildRunning as error:
            raise ShopError(str(error)) from error
    if as_json:
        print_json(summary(done))
    else:
        _show(done)
    if not done.equal and not done.swapped:
        raise fail("the rebuilt copy differs and was not swapped in; --force swaps it all the same")


async def _run(kafka: Kafka, url: str, check: bool, force: bool) -> Rebuild:
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def progress(read: int, total: int) -> None:
            bar.update(task, completed=read, total=max(total, 1))

        return await rebuild(kafka, url, check=check, force=force, progress=progress)


def _show(done: Rebuild) -> None:
    rate = done.read / done.seconds if done.seconds else 0.0
    console.print(
        f"read {done.read:,} events in {done.seconds:.2f} s ({rate:,.0f}/s): {done.decoded:,} decoded, "
        f"{done.skipped:,} skipped, {done.unreadable:,} unreadable"
    )
    for name, table in (("live", done.live), ("rebuilt", done.rebuilt)):
        console.print(f"  {name:8} {table.rows:,} products, checksum {table.checksum}")
    for key, what in done.differences.items():
        console.print(f"  [red]{key}[/red]: {what}")
    verdict = "[green]equal at the same positions[/green]" if done.equal else "[red]they differ[/red]"
    swapped = "the rebuilt one is live now" if done.swapped else "nothing was swapped"
    console.print(f"{verdict}; {swapped}")
