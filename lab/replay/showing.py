"""What replays did, as people read it."""

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from lab.replay.feeding import Fed
from lab.replay.outcome import Counts, Rebuild
from lab.replay.past import Then
from lab.replay.reactions import Refeed

SHOWN = 10


class Rate(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s", style="dim")


def bar(console: Console) -> Progress:
    """A progress bar for events, with their rate and the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), Rate())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True)


def show_rebuild(done: Rebuild, console: Console) -> None:
    _counts(done.counts, console, f" in {done.seconds:.2f} s ({done.rate:,.0f}/s)")
    table = Table(show_edge=False)
    for column in ("table", "live rows", "rebuilt rows", "live checksum", "rebuilt checksum", ""):
        table.add_column(column, justify="right" if "rows" in column or "checksum" in column else "left")
    for proof in done.proofs:
        verdict = "[green]equal[/green]" if proof.equal else "[red]differs[/red]"
        rows = f"{proof.live.rows:,}", f"{proof.rebuilt.rows:,}"
        table.add_row(f"[cyan]{proof.table}[/cyan]", *rows, proof.live.checksum, proof.rebuilt.checksum, verdict)
    console.print(table)
    for proof in done.proofs:
        for key, what in list(proof.differences.items())[:SHOWN]:
            console.print(f"  [red]{escape(key)}[/red] in {proof.table}: {escape(what)}")
        if len(proof.differences) > SHOWN:
            console.print(f"  [dim]and more in {proof.table}; --json names up to 100[/dim]")
    verdict = "[green]Equal at the same positions[/green]" if done.equal else "[red]They differ[/red]"
    behind = f" (the live model stood {done.behind:,} events before the end)" if done.behind else ""
    swapped = "the rebuilt one is live now" if done.swapped else "nothing was swapped"
    console.print(f"{verdict}{behind}; {swapped}.")


def show_then(then: Then, console: Console) -> None:
    _counts(then.counts, console)
    for table, rows in then.tables.items():
        console.print(f"  [cyan]{table}[/cyan]: {rows:,} rows")
    for place in then.begun:
        console.print(f"  [red]{place}[/red]: its beginning was deleted, so the model is not whole")
    for key, why in list(then.unknown.items())[:SHOWN]:
        console.print(f"  [red]{escape(key)}[/red] is unknown: {escape(why)}")
    if len(then.unknown) > SHOWN:
        console.print(f"  [dim]and {len(then.unknown) - SHOWN:,} more; --json names all of them[/dim]")


def show_fed(fed: Fed, console: Console) -> None:
    _counts(fed.counts, console)
    console.print(f"[green]{fed.counts.decoded:,} events were merged into the live {fed.model} once more.[/green]")


def show_refeed(found: Refeed, console: Console) -> None:
    for place, (begin, end) in found.stretches.items():
        console.print(f"  [cyan]{escape(place)}[/cyan]: from {end:,} back to {begin:,}")
    console.print(
        f"{found.counts.read:,} events come again. {found.passed_over:,} are in the inbox of {found.consumer} and will "
        f"be passed over; {found.effective:,} are not, and [yellow]will take effect[/yellow]."
    )
    for what in found.named:
        console.print(f"  [yellow]{escape(what)}[/yellow]")
    if found.effective > len(found.named):
        console.print(f"  [dim]and {found.effective - len(found.named):,} more[/dim]")


def _counts(counts: Counts, console: Console, how_fast: str = "") -> None:
    parts = f"{counts.decoded:,} decoded, {counts.superseded:,} superseded, {sum(counts.skipped.values()):,} skipped"
    colour = "red" if counts.unreadable else "default"
    console.print(
        f"read {counts.read:,} events{how_fast}: {parts}, [{colour}]{counts.unreadable:,} unreadable[/{colour}]"
    )
    for kind, number in sorted(counts.skipped.items()):
        console.print(f"  [yellow]{escape(kind)}[/yellow]: {number:,} skipped, the model has no function for it")
    for place, why in list(counts.why.items())[:SHOWN]:
        console.print(f"  [red]{escape(place)}[/red]: {escape(why)}")
