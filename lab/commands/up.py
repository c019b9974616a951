"""``shop up``: backends, databases, topics, services; until Ctrl-C, or in the background."""

import asyncio
import sys
from typing import Annotated, Any, cast

import typer

from kit.settings import Wiring, masked
from lab.commands.prefixes import Prefixes
from lab.console import console, fail, plain_errors, print_json, step
from lab.mesh.sidecars import ensure_mesh
from lab.running.errors import NotRunning
from lab.running.layout import SERVICES, WIRINGS, Layout, running_shop
from lab.running.shop import ground, start_shop
from lab.supervision import Announcer, Home, RunState, read_state, start_detached


def up(
    wiring: Annotated[str, typer.Option(help=f"How the services are connected: {', '.join(WIRINGS)}.")] = "events",
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; `shop down` stops it.")] = False,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="Processes of each service.")] = 1,
    hold_transaction: Annotated[
        bool, typer.Option("--hold-transaction", help="chain: keep its transaction open through its calls.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --detach: addresses and pids, one JSON document on stdout.")
    ] = False,
) -> None:
    """Run the shop: Kafka, PostgreSQL and the three services, until Ctrl-C.

    `KAFKA_BOOTSTRAP_SERVERS` and `SHOP_POSTGRES_URL` replace the embedded backends.

    Example: `shop up --wiring chain --detach`
    """
    if wiring not in WIRINGS:
        raise fail(f"there is no wiring {wiring!r}; there are {', '.join(WIRINGS)}", code=2)
    if hold_transaction and wiring != "chain":
        raise fail("only the chain can hold its transaction: add --wiring chain, or leave it out", code=2)
    if as_json and not detach:
        raise fail("--json goes with --detach: in the foreground the shop writes its log", code=2)
    home = Home.from_environment()
    with plain_errors():
        if wiring == "chain-mesh":
            ensure_mesh()
        if detach:
            argv = [sys.executable, "-m", "lab", "up", "--wiring", wiring, "--replicas", str(replicas)]
            start_detached(
                home, [*argv, *(["--hold-transaction"] if hold_transaction else [])], deadline=300, progress=step
            )
            if as_json:
                print_json(_document(running_shop(home), read_state(home)))
                return
            show_addresses(running_shop(home))
            console.print("[dim]It runs in the background; `shop status` looks at it, `shop down` stops it.[/dim]")
        else:
            asyncio.run(_stay(home, cast(Wiring, wiring), replicas, hold_transaction))


async def _stay(home: Home, wiring: Wiring, replicas: int, hold_transaction: bool) -> None:
    announcer = Announcer()
    prefixes = Prefixes(console)

    def say(text: str) -> None:
        step(text)
        announcer.progress(text)

    try:
        async with ground(home, say, prefixes.line, prefixes.note) as on:
            layout = await start_shop(on, wiring, say, replicas=replicas, hold_transaction=hold_transaction)
            show_addresses(layout)
            console.print("[dim]Ctrl-C stops it.[/dim]")
            announcer.ready()
            await on.supervisor.serve()
    except Exception as error:
        announcer.failed(str(error))
        raise


def _document(layout: Layout, run: RunState | None) -> dict[str, Any]:
    """For machines: where everything answers, and which processes there are."""
    if run is None:
        raise NotRunning
    return {
        "wiring": layout.wiring,
        "services": {service: layout.http(service) for service in SERVICES},
        "kafka": layout.kafka,
        "topic_prefix": layout.topic_prefix,
        "databases": {service: masked(layout.service_url(service)) for service in SERVICES},
        "supervisor": run.supervisor.pid,
        "processes": {state.name: {"pid": state.pid, "port": state.port} for state in run.processes},
    }


def show_addresses(layout: Layout) -> None:
    console.print(f"[green]The shop is open[/green], wiring [cyan]{layout.wiring}[/cyan]:")
    for service in SERVICES:
        console.print(f"  {service:9} {layout.http(service)}/docs")
    console.print("Try: [bold]shop order MASK --watch[/bold]")
