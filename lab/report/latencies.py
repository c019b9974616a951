"""Latency by percentile, from the raw histograms of all valid rounds of a wiring together."""

from collections.abc import Callable
from typing import Any

from lab.report.charts.frame import Ids, Looks
from lab.report.charts.percentiles import PercentileChart
from lab.report.histograms import curve
from lab.report.markup import Markup, tag
from lab.report.numbers import listed
from lab.report.reading import Comparison, Place, Round, table

_KINDS: tuple[tuple[str, str, Callable[[Round], Any]], ...] = (
    (
        "Accept latency",
        "Sent (the intended time) until answered with a success.",
        lambda one: table(one, "load").get("histogram"),
    ),
    ("Completion latency", "Sent until settled, of accepted orders.", lambda one: one.get("completion_histogram")),
    ("Staleness", "Product changed until the copy showed it.", lambda one: table(one, "staleness").get("histogram")),
)


def percentiles(found: Comparison, place: Place, ids: Ids, looks: Looks) -> Markup | None:
    """A chart for each kind of latency that rounds have histograms of; None when they have none."""
    figures = []
    for title, about, histogram in _KINDS:
        made = {w: curve([histogram(one) for one in found.of_place(place, w)]) for w in found.wirings_of(place)}
        curves = {wiring: points for wiring, (points, _) in made.items() if points}
        if not curves:
            continue
        counts = listed([f"{made[wiring][1]:,} of {wiring}" for wiring in curves])
        drawn = PercentileChart(f"{found.title(place)}: {title}", curves).drawn(ids, looks)
        figures.append(tag("figure", tag("figcaption", tag("strong", title), f" {about} Values: {counts}."), drawn))
    if not figures:
        return None
    words = "All valid rounds of a wiring together. Further right: slower orders; each step is ten times rarer."
    return tag("section", tag("h3", "Latency by percentile"), tag("p", words), tag("div", figures, class_="charts"))
