"""``shop doctor``: what is missing here, and the fix."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from lab.console import console, plain_errors, print_json
from lab.doctor import diagnose
from lab.supervision import Home

_MARKS = {"ok": "[green]ok     [/green]", "note": "[yellow]note   [/yellow]", "missing": "[red]missing[/red]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Say what this machine lacks to run the shop, and how to get it. Exit code 1 when something is missing.

    Example: `shop doctor`
    """
    with plain_errors():
        found = diagnose(Home.from_environment())
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            console.print(f"{_MARKS[one.state]} [cyan]{one.subject:12}[/cyan] {escape(one.found)}", soft_wrap=True)
            if one.fix and one.state != "ok":
                console.print(f"{'':21}[bold]{escape(one.fix)}[/bold]", soft_wrap=True)
    missing = [one.subject for one in found if one.state == "missing"]
    if not as_json:
        console.print(
            f"[red]Missing: {', '.join(missing)}.[/red]"
            if missing
            else "[green]The shop can run here:[/green] make demo"
        )
    raise typer.Exit(1 if missing else 0)
