"""``shop down``: stop the shop; with ``--wipe`` also forget everything it kept."""

from typing import Annotated

import typer

from lab.console import console, plain_errors, print_json
from lab.running.wiping import wipe
from lab.supervision import Home, read_state, stop_detached


def down(
    wipe_data: Annotated[
        bool, typer.Option("--wipe", help="Also remove the shop's data: databases, topics, logs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Stop the shop, wherever it was started, and verify that no process is left.

    Example: `shop down --wipe`
    """
    home = Home.from_environment()
    with plain_errors():
        ran = read_state(home) is not None
        forced = stop_detached(home)
        if not as_json:
            for name in forced:
                console.print(f"[yellow]ended by force:[/yellow] {name}")
            console.print("[green]The shop is closed.[/green] No process of it is left.")
        removed = wipe(home) if wipe_data else []
        if as_json:
            print_json({"ran": ran, "ended_by_force": forced, "removed": removed})
        else:
            for name in removed:
                console.print(f"removed {name}")
