"""The comparison as people read it."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.comparing.differences import differences
from lab.comparing.footnotes import footnotes, overridden, told_conditions
from lab.comparing.sentences import sentences
from lab.comparing.statistics import Spread
from lab.comparing.steps import steps_table
from lab.comparing.summary import Line, lines

_SHARES = ("confirmed %", "accepted %", "rejected %", "refused %", "unknown %", "unkept %")
_FINDINGS = "audit findings"
_TIMES = ("accept p50", "accept p95", "accept p99", "accept max", "completion p50", "completion p99")


def show(document: Mapping[str, Any], console: Console) -> None:
    """Tables, what may be said about the differences, and the conditions."""
    rows = lines(document)
    load = [row for row in rows if not row.concurrency]
    for scenario, group in groupby(load, key=lambda row: row.scenario):
        here = list(group)
        if told := document.get("scenarios", {}).get(scenario, {}).get("text"):
            console.print(f"[dim]{escape(told.strip())}[/dim]")
        console.print(_outcome_table(scenario, here))
        console.print(_latency_table(scenario, here))
    if killed := [one for one in document["rounds"] if one["scenario"] == "coordinator-killed"]:
        console.print(steps_table(killed))
    saturated = [row for row in rows if row.concurrency]
    if saturated:
        console.print(_saturation_table(saturated))
    for sentence in sentences(differences(document), rows):
        console.print(escape(sentence))
    for note in footnotes(rows, document):
        console.print(f"[dim]{escape(note)}[/dim]")
    console.print(f"[dim]{escape(told_conditions(document['conditions'], rows))}[/dim]")
    if changed := overridden(document["conditions"]):
        console.print(f"[yellow]not the defaults:[/yellow] {escape(changed)}")


def _outcome_table(scenario: str, rows: list[Line]) -> Table:
    title = f"{scenario}: what became of the orders offered"
    table = _table(title, [name.replace(" ", "\n") for name in (*_SHARES, _FINDINGS)])
    for row in rows:
        shares = [_percent(row.figures[name]) for name in _SHARES]
        shares[0] = f"[bold]{shares[0]}[/bold]"
        table.add_row(_name(row), *shares, _findings(row.figures["findings"]))
    return table


def _latency_table(scenario: str, rows: list[Line]) -> Table:
    title = f"{scenario}: how long it took, ms from the intended send time"
    table = _table(title, [name.replace(" ", "\n") for name in (*_TIMES, "CPU ms/ order")])
    for row in rows:
        times = [_spread(row.figures[name]) for name in (*_TIMES, "CPU ms/order")]
        table.add_row(_name(row), *times)
    return table


def _table(title: str, columns: list[str]) -> Table:
    """Narrow enough for 80 columns; medians over rounds, their range below."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("wiring", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _saturation_table(rows: list[Line]) -> Table:
    names = ["customers\nat a time", "settled\norders/s", "confirmed\n%", "CPU\nms/order", "audit\nfindings"]
    table = _table("At saturation (closed loop)", names)
    for row in rows:
        figures = row.figures
        rate, share = _rate(figures["settled/s"]), _percent(figures["confirmed %"])
        cpu, findings = _spread(figures["CPU ms/order"]), _findings(figures["findings"])
        table.add_row(_name(row), str(row.concurrency), f"[bold]{rate}[/bold]", share, cpu, findings)
    return table


def _name(row: Line) -> str:
    """On two lines where it is long, as the figures are: ``chain-``, ``breaker``."""
    return f"[cyan]{row.wiring.replace('-', f'-{chr(10)}')}[/cyan]"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    if spread.rounds == 1 or spread.low == spread.high:
        return _number(spread.median)
    return f"{_number(spread.median)}\n[dim]{_short(spread.low)}-{_short(spread.high)}[/dim]"


def _rate(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    text = f"{spread.median:,.0f}"
    return text if spread.low == spread.high else f"{text}\n[dim]{spread.low:,.0f}-{spread.high:,.0f}[/dim]"


def _percent(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    text = f"{spread.median:.1f}"
    if spread.rounds == 1 or spread.low == spread.high:
        return text
    return f"{text}\n[dim]{_short(spread.low)}-{_short(spread.high)}[/dim]"


def _findings(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    low, high = round(spread.low), round(spread.high)
    text = str(high) if low == high else f"{round(spread.median)} ({low}-{high})"
    return f"[red]{text}[/red]" if high else f"[green]{text}[/green]"


def _number(value: float) -> str:
    """Three digits that matter; milliseconds from ten seconds on as seconds."""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:.0f}s"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
