"""Capacities as people read them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table


def capacity_lines(found: Sequence[Mapping[str, Any]]) -> Iterator[Table | str]:
    """One row a wiring, with what happened at the next higher rate; under what it holds, below."""
    if not found:
        return
    one = found[0]
    title = (
        f"Capacity: the highest rate at which {one['share_percent']:g} % were confirmed within "
        f"{one['within_seconds']:g} s and no backlog grew"
    )
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    table.add_column("wiring", no_wrap=True)
    table.add_column("orders/s", justify="right", no_wrap=True)
    table.add_column("why not more")
    for entry in found:
        table.add_row(f"[cyan]{entry['wiring']}[/cyan]", _rate(entry), escape(why_not_more(entry)))
    yield table
    settings = one["settings"]
    yield (
        f"[dim]Steps of {settings['seconds']:g} s after {settings['warmup_seconds']:g} s of warm-up, to within "
        f"{100 * settings['precision']:g} %. An order that stays pending is cancelled after "
        f"{one['pending_timeout_seconds']:g} s (the pending time-out).[/dim]"
    )


def why_not_more(entry: Mapping[str, Any]) -> str:
    """The lowest rate above the capacity that was tried in vain, and what was wrong with it; of a search that did not
    come to its end, how far that was."""
    if not entry.get("ended", True):
        held = max((step["rate"] for step in entry["steps"] if step["held"]), default=None)
        return f"the search was not ended; {'nothing had held' if held is None else f'{held:g}/s had held'} so far"
    capacity = entry["orders_per_second"]
    above = [step for step in entry["steps"] if not step["held"] and step["rate"] > (capacity or 0)]
    if not above:
        return "no higher rate was tried"
    step = min(above, key=lambda one: (one["rate"], not one["again"]))
    return f"{step['rate']:g}/s: {step['why']}"


def _rate(entry: Mapping[str, Any]) -> str:
    capacity = entry["orders_per_second"]
    if capacity is not None:
        return f"[bold]{capacity:,.0f}[/bold]" if capacity >= 10 else f"[bold]{capacity:g}[/bold]"
    if not entry.get("ended", True):
        return "-"
    lowest = min((step["rate"] for step in entry["steps"]), default=0)
    return f"below {lowest:g}"
