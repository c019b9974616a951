"""A comparison's figures as Markdown: what pages show of a document that `shop compare` wrote."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.comparing.calibration import PLANTED, WIRINGS, explanation, power, recorded_rounds
from lab.comparing.capacity.showing import why_not_more
from lab.comparing.cells import percent
from lab.comparing.differences import differences
from lab.comparing.footnotes import footnotes, overridden, told_conditions
from lab.comparing.sentences import sentences
from lab.comparing.statistics import Spread
from lab.comparing.steps import Counts, away_seconds, what_was_found
from lab.comparing.summary import Line, at_steps, lines, why_invalid

Document = Mapping[str, Any]
_SHARES = ("confirmed %", "rejected %", "refused %")
_TIMES = ("accept p50", "accept p99", "completion p50", "completion p99", "CPU ms/order")


def wirings(document: Document) -> str:
    """A row a scenario and wiring of the open loops: medians over rounds, with their range where rounds differ. Where
    there is one scenario alone it has no column."""
    names = (*_SHARES, *_TIMES)
    rows = [row for row in lines(document) if not row.concurrency and row.scenario not in at_steps(document)]
    several = len({row.scenario for row in rows}) > 1
    return _table(
        [*(["scenario"] if several else []), "wiring", *names, "findings"],
        [
            [*([row.scenario] if several else []), row.wiring, *(_figure(row, name) for name in names), _findings(row)]
            for row in rows
        ],
    )


def what_may_be_said(document: Document) -> str:
    """By how much every wiring differs from the first one, or that it does not: a line a scenario, and how it was
    judged."""
    return "\n".join(f"- {one}" for one in sentences(differences(document), lines(document)))


def saturation(document: Document) -> str:
    """A row a wiring and number of customers of the closed loops."""
    head = ("wiring", "customers at a time", "settled orders/s", "confirmed %", "CPU ms/order", "findings")
    names = ("settled/s", "confirmed %", "CPU ms/order")
    rows = [row for row in lines(document) if row.concurrency]
    return _table(
        head,
        [(row.wiring, str(row.concurrency), *(_figure(row, name) for name in names), _findings(row)) for row in rows],
    )


def coordinator_killed(document: Document) -> str:
    """A row a wiring and step at which its coordinator was killed: counts of orders, medians over rounds. Rounds that
    must not be used are left out."""
    counted = ("offered", "confirmed", "rejected", "refused", "other")
    head = ("wiring", "killed at", "away, s", *counted, "findings", "what was found")
    rounds = [one for one in document["rounds"] if one["scenario"] in at_steps(document)]
    rows = []
    for wiring, step in dict.fromkeys((one["wiring"], one["step"]) for one in rounds):
        every = [one for one in rounds if (one["wiring"], one["step"]) == (wiring, step)]
        here = [one for one in every if why_invalid(one) is None]
        where = f"`{step.rpartition('.')[2]}`" if step else "in the midst of the load"
        if not here:
            rows.append((wiring, f"{where} (no round to be used)", *(["-"] * (len(head) - 2))))
            continue
        reached = sum(one["outage"] is not None for one in here)
        if reached < len(here):
            where += f" (reached in {reached} of {len(here)} rounds)" if reached else " (not reached)"
        away = _written(Spread.of([away_seconds(one) for one in here]), lambda seconds: f"{seconds:.1f}")
        counts = [
            _written(Spread.of(each), whole) for each in zip(*(Counts.of(one).in_order for one in here), strict=True)
        ]
        findings = _written(Spread.of([one["audit"]["findings"] for one in here]), whole)
        found = ", ".join(dict.fromkeys(rule for one in here for rule in what_was_found(one["audit"])))
        rows.append((wiring, where, away, *counts, findings, found or "nothing"))
    return _table(head, rows)


def capacity(document: Document) -> str:
    """A row a wiring whose capacity was searched: the highest rate that it held, and why no higher one."""
    rows = [
        (entry["wiring"], "-" if (rate := entry["orders_per_second"]) is None else precise(rate), why_not_more(entry))
        for entry in document.get("capacity", ())
    ]
    return _table(("wiring", "orders/s held", "why not more"), rows)


def conditions(document: Document) -> str:
    """When, with which command, on what, and what must be known to read the figures."""
    found, rows = document["conditions"], lines(document)
    several = "Medians over the rounds, the range of the rounds in brackets where they differ. " * (
        max((row.rounds for row in rows if row.scenario not in at_steps(document)), default=0) > 1
    )
    text = f"{several}Latencies in ms. Measured on {found['at'][:10]}: {told_conditions(document, rows)}"
    if changed := overridden(found):
        text += f" Not the defaults: {changed}."
    return "\n\n".join([f"`{found['command']}`", text, *footnotes(rows, document)])


def noise(recorded: Document) -> str:
    """A row a wiring and number of rounds, of a file that `python -m lab.benchmarks.noise` recorded."""
    head = (
        "wiring",
        "rounds",
        "equal, said to differ %",
        "found by times %",
        *(f"{name}, found %" for name in PLANTED),
    )
    count = min(len(recorded_rounds(recorded, wiring)) for wiring in WIRINGS)
    found = recorded["conditions"]
    what = f"{found['machine']['cpu']}, {found['machine']['cores']} cores, {found['at'][:10]}"
    text = f"`{found['command']}`\n\n{count} recorded rounds of each wiring: {what}. {explanation()}"
    return f"{text}\n\n{_table(head, list(power(recorded)))}"


TABLES: dict[str, Callable[[Document], str]] = {
    "wirings": wirings,
    "differences": what_may_be_said,
    "saturation": saturation,
    "coordinator-killed": coordinator_killed,
    "capacity": capacity,
    "conditions": conditions,
    "noise": noise,
}
"""What a block of a page may show, by name."""


def precise(value: float) -> str:
    """Three digits that matter, and no decimals from 100 on."""
    return (
        f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    )


def whole(value: float) -> str:
    return f"{value:,.0f}"


def _figure(row: Line, name: str) -> str:
    return _written(row.figures[name], percent if name.endswith("%") else precise)


def _findings(row: Line) -> str:
    return _written(row.figures["findings"], whole)


def _written(spread: Spread | None, form: Callable[[float], str]) -> str:
    if spread is None:
        return "-"
    low, middle, high = form(spread.low), form(spread.median), form(spread.high)
    return middle if low == high else f"{middle} ({low} to {high})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text to the left, figures to the right."""
    text = {"scenario", "wiring", "killed at", "what was found", "why not more"}
    marks = ["---" if name in text else "---:" for name in head]
    filled_up = [[*cells, *([""] * (len(head) - len(cells)))] for cells in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *filled_up))
