"""``shop down``: stop the shop; with ``--wipe`` also forget everything it kept."""

from typing import Annotated

import typer

from lab.console import console, plain_errors
from lab.running.wiping import wipe
from lab.supervision import Home, stop_detached


def down(
    wipe_data: Annotated[
        bool, typer.Option("--wipe", help="Also remove the shop's data: databases, topics, logs.")
    ] = False,
) -> None:
    """Stop the shop, wherever it was started, and verify that no process is left.

    Example: `shop down --wipe`
    """
    home = Home.from_environment()
    with plain_errors():
        forced = stop_detached(home)
        for name in forced:
            console.print(f"[yellow]ended by force:[/yellow] {name}")
        console.print("[green]The shop is closed.[/green] No process of it is left.")
        if wipe_data:
            for removed in wipe(home):
                console.print(f"removed {removed}")
