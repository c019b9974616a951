"""A scenario's figures as tables: what became of the orders, how long it took, what it cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.comparing.scenarios.load_words import told_arrivals, told_load
from lab.comparing.statistics import Spread
from lab.comparing.summary import why_invalid
from lab.report.charts.frame import Looks
from lab.report.markup import Child, Markup, tag
from lab.report.numbers import amount, number, percent, plural
from lab.report.reading import Comparison, Place, figure_of, table

PENDING = "pending_timeout_seconds"
_USUAL_PENDING = 600.0


@dataclass(frozen=True)
class Column:
    """``figure`` as in ``lab.comparing.summary``, its heading, and how a value is written."""

    figure: str
    heading: str
    written: Callable[[float], str] = amount


_SHARES = (
    Column("confirmed %", "confirmed %", percent),
    Column("accepted %", "accepted %", percent),
    Column("rejected %", "rejected %", percent),
    Column("refused %", "refused %", percent),
    Column("unknown %", "unknown %", percent),
    Column("unkept %", "unkept %", percent),
    Column("findings", "audit findings", lambda value: f"{value:,.0f}"),
)
_TIMES = (
    Column("accept p50", "accept p50, ms"),
    Column("accept p95", "accept p95, ms"),
    Column("accept p99", "accept p99, ms"),
    Column("accept max", "accept max, ms"),
    Column("completion p50", "completion p50, ms"),
    Column("completion p99", "completion p99, ms"),
    Column("staleness p50", "staleness p50, ms"),
    Column("staleness p99", "staleness p99, ms"),
    Column("settled/s", "settled orders/s"),
    Column("CPU ms/order", "CPU ms/order"),
)


def outcomes(found: Comparison, place: Place, looks: Looks) -> Markup:
    """What became of the orders that were offered."""
    return _figures(found, place, looks, "what became of the orders offered, in percent of them", _SHARES)


def times(found: Comparison, place: Place, looks: Looks) -> Markup:
    """How long it took and what it cost; columns without a single figure are left out."""
    columns = [one for one in _TIMES if any(found.spread(place, w, one.figure) for w in found.wirings_of(place))]
    return _figures(found, place, looks, "how long it took, from the intended send time, and what it cost", columns)


def every_round(found: Comparison, place: Place) -> Markup:
    """The rounds one by one, those that must not be used too, with the reason."""
    columns = ("confirmed %", "accept p50", "accept p99", "completion p99", "CPU ms/order", "findings")
    body = []
    for one in found.of_place(place, valid=False):
        values = [figure_of(name, one) for name in columns]
        name = f"{one['wiring']}, round {one.get('round', '?')}" + (
            f", killed at {one['step']}" if one.get("step") else ""
        )
        cells = [
            tag("td", "-" if value is None else percent(value) if "%" in key else amount(value))
            for key, value in zip(columns, values, strict=True)
        ]
        reason = why_invalid(one)
        note = tag("td", f"must not be used: {reason}" if reason else "valid", class_="words")
        body.append(tag("tr", tag("th", name, scope="row"), cells, note))
    heads = ["round", *columns, "valid?"]
    return scrolling(f"{found.title(place)}: round by round", heads, body, look="told")


def scrolling(
    caption: str, heads: Sequence[str], body: Child, *, label: str | None = None, look: str | None = None
) -> Markup:
    """A table that scrolls in a box of its own where it is wider than the page; the box can be reached by keyboard.
    ``look``: "text" where all columns are text, "told" where the last one is; else all but the first are figures."""
    row = tag("tr", [tag("th", head, scope="col") for head in heads])
    made = tag("table", tag("caption", tag("span", caption)), tag("thead", row), tag("tbody", body), class_=look)
    return tag("div", made, class_="wide", tabindex="0", role="region", aria_label=label or caption)


def pending_timeout(found: Comparison) -> str:
    """The time-out that every figure was measured under: pending orders older than it are cancelled."""
    told = number(found.settings.get(PENDING)) or number(found.conditions.get(PENDING))
    changed = table(found.conditions, "overrides").get(f"SHOP_{PENDING.upper()}")
    if told is not None:
        return f"pending time-out {told:g} s"
    return f"pending time-out {changed} s" if changed else f"pending time-out {_USUAL_PENDING:g} s, the default"


def load(found: Comparison, place: Place) -> str:
    """The load in words."""
    settings = found.settings
    seconds = max((number(table(one, "load").get("seconds")) or 0 for one in found.of_place(place)), default=0)
    lasting = f" for {seconds:g} s" if seconds else ""
    if place.concurrency:
        return f"{plural(place.concurrency, 'customer')} at a time{lasting}"
    shape = table(table(table(found.document, "scenarios"), place.scenario), "load")
    told = told_load(shape, number(settings.get("rate")))
    if told is None:
        return "load not told"
    arrivals = told_arrivals(shape, str(settings.get("arrivals", "constant")))
    return f"{told}{lasting}" + (f", {arrivals}" if arrivals else "")


def _figures(found: Comparison, place: Place, looks: Looks, what: str, columns: Sequence[Column]) -> Markup:
    body = []
    for wiring in found.wirings_of(place):
        rounds = len(found.of_place(place, wiring))
        name = tag("th", tag("span", wiring, class_=f"name {looks.of(wiring)}"), scope="row")
        cells = [tag("td", cell(found.spread(place, wiring, one.figure), one.written)) for one in columns]
        body.append(tag("tr", name, cells, tag("td", str(rounds))))
    caption = (
        f"{found.title(place)}: {what}. Medians of the rounds, their range below. "
        f"{load(found, place)}; {pending_timeout(found)}."
    )
    heads = ["wiring", *(one.heading for one in columns), "rounds"]
    return scrolling(caption, heads, body, label=f"{found.title(place)}: {what}")


def cell(spread: Spread | None, written: Callable[[float], str]) -> Child:
    """The median, and below it the range where rounds differ."""
    if spread is None:
        return "-"
    low, high = written(spread.low), written(spread.high)
    if spread.rounds < 2 or low == high:
        return written(spread.median)
    return [written(spread.median), " ", tag("small", f"{low} to {high}")]
