"""The comparison as people read it."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.comparing import cells
from lab.comparing.cells import narrow_table
from lab.comparing.differences import differences
from lab.comparing.footnotes import footnotes, overridden, told_conditions
from lab.comparing.sentences import sentences
from lab.comparing.steps import found_at_steps, steps_table
from lab.comparing.summary import Line, at_steps, lines

_SHARES = ("confirmed %", "accepted %", "rejected %", "refused %", "unknown %", "unkept %")
_TIMES = ("accept p50", "accept p95", "accept p99", "accept max", "completion p50", "completion p99", "CPU ms/order")


def show(document: Mapping[str, Any], console: Console) -> None:
    """Tables, what may be said about the differences, and the conditions."""
    rows = lines(document)
    killed = [one for one in document["rounds"] if one["scenario"] in at_steps(document)]
    load = [row for row in rows if not row.concurrency and row.scenario not in at_steps(document)]
    for scenario, group in groupby(load, key=lambda row: row.scenario):
        here = list(group)
        if told := document.get("scenarios", {}).get(scenario, {}).get("text"):
            console.print(f"[dim]{escape(told.strip())}[/dim]")
        console.print(_outcome_table(scenario, here))
        console.print(_latency_table(scenario, here))
    if killed:
        console.print(steps_table(killed))
        for sentence in found_at_steps(killed):
            console.print(escape(sentence))
    saturated = [row for row in rows if row.concurrency]
    if saturated:
        console.print(_saturation_table(saturated))
    for sentence in sentences(differences(document), rows):
        console.print(escape(sentence))
    for note in footnotes(rows, document):
        console.print(f"[dim]{escape(note)}[/dim]")
    console.print(f"[dim]{escape(told_conditions(document, rows))}[/dim]")
    if changed := overridden(document["conditions"]):
        console.print(f"[yellow]not the defaults:[/yellow] {escape(changed)}")


def _outcome_table(scenario: str, rows: list[Line]) -> Table:
    title = f"{scenario}: what became of the orders offered"
    table = narrow_table(title, [name.replace(" ", "\n") for name in (*_SHARES, "audit findings")])
    for row in rows:
        first, *others = [cells.share(row.figures[name]) for name in _SHARES]
        table.add_row(cells.name(row.wiring), f"[bold]{first}[/bold]", *others, cells.findings(row.figures["findings"]))
    return table


def _latency_table(scenario: str, rows: list[Line]) -> Table:
    """Completion is ``compl.`` in its head, for want of room."""
    title = f"{scenario}: how long it took, ms from the intended send time"
    heads = [name.replace("completion", "compl.").replace(" ", "\n").replace("/", "/\n") for name in _TIMES]
    table = narrow_table(title, heads)
    for row in rows:
        table.add_row(cells.name(row.wiring), *(cells.milliseconds(row.figures[name]) for name in _TIMES))
    return table


def _saturation_table(rows: list[Line]) -> Table:
    names = ["customers\nat a time", "settled\norders/s", "confirmed\n%", "CPU\nms/order", "audit\nfindings"]
    table = narrow_table("At saturation (closed loop)", names)
    for row in rows:
        table.add_row(
            cells.name(row.wiring),
            str(row.concurrency),
            f"[bold]{cells.rate(row.figures['settled/s'])}[/bold]",
            cells.share(row.figures["confirmed %"]),
            cells.milliseconds(row.figures["CPU ms/order"]),
            cells.findings(row.figures["findings"]),
        )
    return table
