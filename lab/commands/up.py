"""``shop up``: backends, databases, topics, services; until Ctrl-C, or in the background."""

import asyncio
import sys
from typing import Annotated, cast

import typer

from kit.settings import Wiring
from lab.commands.prefixes import Prefixes
from lab.console import console, fail, plain_errors, step
from lab.running.layout import SERVICES, WIRINGS, Layout, running_shop
from lab.running.shop import ground, start_shop
from lab.supervision import Announcer, Home, start_detached


def up(
    wiring: Annotated[str, typer.Option(help=f"How the services are connected: {', '.join(WIRINGS)}.")] = "events",
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; `shop down` stops it.")] = False,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="Processes of each service.")] = 1,
) -> None:
    """Run the shop: Kafka, PostgreSQL and the three services, until Ctrl-C.

    `KAFKA_BOOTSTRAP_SERVERS` and `SHOP_POSTGRES_URL` replace the embedded backends.

    Example: `shop up --wiring chain --detach`
    """
    if wiring not in WIRINGS:
        raise fail(f"there is no wiring {wiring!r}; there are {', '.join(WIRINGS)}", code=2)
    home = Home.from_environment()
    with plain_errors():
        if detach:
            argv = [sys.executable, "-m", "lab", "up", "--wiring", wiring, "--replicas", str(replicas)]
            start_detached(home, argv, deadline=300, progress=step)
            show_addresses(running_shop(home))
            console.print("[dim]It runs in the background; `shop status` looks at it, `shop down` stops it.[/dim]")
        else:
            asyncio.run(_stay(home, cast(Wiring, wiring), replicas))


async def _stay(home: Home, wiring: Wiring, replicas: int) -> None:
    announcer = Announcer()
    prefixes = Prefixes(console)

    def say(text: str) -> None:
        step(text)
        announcer.progress(text)

    try:
        async with ground(home, say, prefixes.line, prefixes.note) as on:
            layout = await start_shop(on, wiring, say, replicas=replicas)
            show_addresses(layout)
            console.print("[dim]Ctrl-C stops it.[/dim]")
            announcer.ready()
            await on.supervisor.serve()
    except Exception as error:
        announcer.failed(str(error))
        raise


def show_addresses(layout: Layout) -> None:
    console.print(f"[green]The shop is open[/green], wiring [cyan]{layout.wiring}[/cyan]:")
    for service in SERVICES:
        console.print(f"  {service:9} {layout.http(service)}/docs")
    console.print("Try: [bold]shop order MASK --watch[/bold]")
