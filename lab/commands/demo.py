"""``shop demo``: the whole story in one go; ``make demo`` runs it."""

import asyncio
from typing import Annotated

import typer
from rich.rule import Rule

from lab.audit import audit as run_audit
from lab.commands.audit import show_audit
from lab.commands.compare import write_report
from lab.comparing.comparison import compare_wirings
from lab.comparing.settings import CompareSettings
from lab.comparing.table import show
from lab.console import FINDINGS, console, plain_errors, step
from lab.running.lag import Lag
from lab.running.layout import Layout
from lab.running.shop import ground, start_services, start_shop, stop_services
from lab.supervision import Home
from lab.watching.journey import follow
from lab.watching.timeline import show_journey

_MASK = 2
_NEXT = """[bold]Try next[/bold] (the commands are in .venv/bin):
  shop up                       the shop in the foreground; Ctrl-C stops it
  shop order MASK --watch       in a second terminal: another order's way
  kill -9 PID                   any of `shop status`; then `shop audit`
  shop compare --rounds 5       figures with a claim to significance
  shop compare --saturate       how many orders a second each wiring settles
  shop replay product-copy      rebuild a read model while the shop is open"""


def demo(
    rate: Annotated[float, typer.Option(min=0.1, hidden=True, help="Orders a second.")] = 40.0,
    seconds: Annotated[float, typer.Option(min=1, hidden=True, help="Measured seconds of a round.")] = 10.0,
    warmup: Annotated[float, typer.Option(min=0, hidden=True, help="Seconds before them, not measured.")] = 2.0,
    down: Annotated[float, typer.Option(min=0.1, hidden=True, help="How long products is down.")] = 10.0,
) -> None:
    """Start everything, follow one order, compare events with the chain, audit, stop everything. Takes some minutes.

    Example: `shop demo`
    """
    with plain_errors():
        # One round each: enough to see what happens, not to claim small differences.
        settings = CompareSettings(
            scenarios=("healthy", "products-down"),
            rate=rate,
            seconds=seconds,
            warmup_seconds=warmup,
            fault_seconds=down,
            rounds=1,
        )
        clean = asyncio.run(_demo(Home.from_environment(), settings))
    console.print("[green]Everything that the demo started is stopped.[/green]")
    raise typer.Exit(0 if clean else FINDINGS)


async def _demo(home: Home, settings: CompareSettings) -> bool:
    def note(name: str, text: str) -> None:
        step(f"{name}: {text}")

    async with ground(home, step, lambda _name, _line: None, note) as on:
        layout = await start_shop(on, "events", step)
        _chapter("One order on its way through three services")
        await follow(layout, _MASK, 1)  # the first one also pays for cold caches
        show_journey(await follow(layout, _MASK, 1), console)
        await stop_services(on.supervisor, layout)

        _chapter(
            f"Events against the chain: healthy, and with products down for {settings.fault_seconds or 0:g} seconds"
        )
        document = await compare_wirings(on, settings, step)
        show(document, console)
        write_report(document)

        _chapter("Does everything add up?")
        await start_services(on.supervisor, layout, step)
        clean = await _audit(layout)
        console.print(_NEXT)
        step("stopping")
    return clean


async def _audit(layout: Layout) -> bool:
    async with Lag(layout) as lag:
        found = await run_audit(layout.audited(), lag.total)
    show_audit(found)
    return found.clean


def _chapter(title: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{title}[/bold]", align="left"))
