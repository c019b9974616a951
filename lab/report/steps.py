"""Rounds in which coordinators were killed: one by one, because no two of them are alike."""

from lab.comparing.steps import Counts, away_seconds, where
from lab.comparing.summary import why_invalid
from lab.report.markup import Child, Markup, tag
from lab.report.numbers import amount, number
from lab.report.reading import Comparison, Place, Round, table
from lab.report.tables import load, pending_timeout, scrolling

_HEADS = ("killed at", "away, s", "offered", "confirmed", "rejected", "refused", "other", "audit findings", "valid?")


def steps(found: Comparison, place: Place) -> Markup:
    """A row a round: where the coordinator was killed, how long it was away, and what became of the orders offered."""
    caption = (
        f"{found.title(place)}: orders offered, by what became of them. One round a row, and no medians: in each the "
        f"coordinator was killed somewhere else. {load(found, place)}; {pending_timeout(found)}."
    )
    body = [_row(one) for one in found.of_place(place, valid=False)]
    return scrolling(caption, _HEADS, body, label=f"{found.title(place)}: what became of the orders", look="told")


def _row(one: Round) -> Markup:
    counts = Counts.of(one)
    away = away_seconds(one)
    findings = number(table(one, "audit").get("findings"))
    written = [amount(away) if away is not None else "-", *(f"{count:,}" for count in counts.in_order)]
    cells = [tag("td", each) for each in (*written, "-" if findings is None else f"{findings:,.0f}")]
    return tag(
        "tr", tag("th", f"{one['wiring']}: {where(one)}", scope="row"), cells, tag("td", _valid(one), class_="words")
    )


def _valid(one: Round) -> Child:
    if reason := why_invalid(one):
        return f"must not be used: {reason}"
    return "valid" if away_seconds(one) is not None else "not reached: nobody was killed"
