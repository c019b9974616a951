"""The highest rate that each wiring held, and the steps of the search."""

from lab.comparing.statistics import Spread
from lab.report.charts.bars import BarChart
from lab.report.charts.frame import Ids, Looks
from lab.report.charts.scales import linear
from lab.report.markup import Markup, tag
from lab.report.numbers import amount, listed, number
from lab.report.reading import Comparison, rows
from lab.report.tables import pending_timeout, scrolling

_MEANING = (
    "The highest rate at which 99 % of the orders were confirmed within 2 s and nothing piled up, the product copy's "
    "lag included; found by search, one run a step."
)


def capacity(found: Comparison, ids: Ids, looks: Looks) -> Markup | None:
    """None when no capacity was searched for."""
    searched = rows(found.document, "capacity")
    rates = {str(one.get("wiring")): number(one.get("orders_per_second")) for one in searched}
    if not rates:
        return None
    unended = [str(one.get("wiring")) for one in searched if one.get("ended") is False]
    bars = {wiring: None if rate is None else Spread(rate, rate, rate, 1) for wiring, rate in rates.items()}
    scale = linear(max((rate for rate in rates.values() if rate is not None), default=1.0))
    chart = BarChart("Capacity: the highest rate held", "orders a second", bars, scale, amount)
    body = [
        tag(
            "tr",
            tag("th", str(one.get("wiring")), scope="row"),
            tag("td", _rate(step.get("rate"))),
            tag("td", "held" if step.get("held") else "not held"),
            tag("td", str(step.get("why") or "-"), class_="words"),
        )
        for one in searched
        for step in rows(one, "steps")
    ]
    steps = (
        scrolling("The steps of the search", ["wiring", "orders/s", "held?", "why"], body, look="told")
        if body
        else None
    )
    return tag(
        "section",
        tag("h2", "Capacity"),
        tag("p", f"{_MEANING} {pending_timeout(found).capitalize()}."),
        tag("p", f"The search of {listed(unended)} was not ended: there are only its steps.") if unended else None,
        tag("div", tag("figure", chart.drawn(ids, looks)), class_="charts"),
        tag("details", tag("summary", "Every step of the search"), steps) if steps else None,
        id="capacity",
    )


def _rate(value: object) -> str:
    rate = number(value)
    return "-" if rate is None else amount(rate)
