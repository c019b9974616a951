"""The report: one HTML file with everything in it. It opens from disk, without network or script."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from lab.comparing.survivors import NOT_THE_OTHERS, of_whom
from lab.report.capacity import capacity
from lab.report.charts.bars import BarChart
from lab.report.charts.frame import Ids, Looks
from lab.report.charts.scales import Scale
from lab.report.conditions import conditions
from lab.report.differences import differences
from lab.report.findings import findings
from lab.report.glossary import glossary
from lab.report.headline import CONFIRMED, headline, points
from lab.report.latencies import percentiles
from lab.report.markup import Markup, joined, tag, text, trusted
from lab.report.numbers import percent
from lab.report.overtime import over_time
from lab.report.reading import Comparison, Place
from lab.report.recompute import recompute
from lab.report.series import representative
from lab.report.steps import steps
from lab.report.story import Story
from lab.report.tables import every_round, outcomes, times

NAME = "report.html"
SHARES = Scale(0.0, 100.0, [(value, f"{value:g}") for value in (0, 25, 50, 75, 100)])


def write_report(document: Any, folder: Path) -> Path:
    """Writes ``report.html`` into the folder, which is made if needed, and returns its path. Raises ShopError when the
    document is no comparison, OSError when it cannot be written."""
    page = report(document)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(page, encoding="utf-8")
    return path


def report(document: Any) -> str:
    """The page as text. Everything in the document that is not a number is escaped, wherever it is shown."""
    found = Comparison.of(document)
    ids, looks = Ids(), Looks(found.wirings)
    said = headline(found)
    here = files("lab.report")
    parts = {
        "style": trusted((here / "palette.css").read_text("utf-8") + (here / "style.css").read_text("utf-8")),
        "title": text(said.main),
        "headline": tag("h1", said.main + "."),
        "lead": joined([tag("p", words) for words in said.beside], _points(found)),
        "contents": _contents(found),
        "main": joined(
            [_scenario(found, place, ids, looks) for place in found.places],
            capacity(found, ids, looks),
            findings(found),
            conditions(found),
            recompute(found),
            glossary(),
        ),
    }
    return Template((here / "template.html").read_text("utf-8")).substitute(parts)


def _points(found: Comparison) -> Markup | None:
    said = points(found)
    return tag("ul", [tag("li", words) for words in said]) if said else None


def _contents(found: Comparison) -> Markup:
    links = [(found.anchor(place), found.title(place)) for place in found.places]
    links += [("capacity", "Capacity")] if found.document.get("capacity") else []
    links += [("findings", "Audit"), ("conditions", "Conditions"), ("recompute", "Recompute"), ("glossary", "Glossary")]
    return tag("ul", [tag("li", tag("a", words, href=f"#{anchor}")) for anchor, words in links])


def _scenario(found: Comparison, place: Place, ids: Ids, looks: Looks) -> Markup:
    return tag(
        "section",
        tag("h2", found.title(place)),
        tag("p", found.told(place)) if found.told(place) else None,
        steps(found, place) if found.is_at_steps(place) else _compared(found, place, ids, looks),
        _stories(list(_told(found, place)), ids),
        id=found.anchor(place),
    )


def _compared(found: Comparison, place: Place, ids: Ids, looks: Looks) -> Markup:
    """What wirings are held against each other in: medians over rounds that are alike."""
    return joined(
        tag("div", tag("figure", confirmed_chart(found, place).drawn(ids, looks)), class_="charts"),
        outcomes(found, place, looks),
        times(found, place, looks),
        _whose(found, place),
        differences(found, place),
        tag("details", tag("summary", "Round by round"), every_round(found, place)),
        over_time(found, place, ids, looks),
        percentiles(found, place, ids, looks),
    )


def _whose(found: Comparison, place: Place) -> Markup | None:
    """Whose latencies those are, where that is not everybody's."""
    shares = {wiring: found.spread(place, wiring, "accepted %") for wiring in found.wirings_of(place)}
    said = of_whom({wiring: spread.median for wiring, spread in shares.items() if spread is not None})
    if not said:
        return None
    return tag("p", tag("strong", f"{said[:1].upper()}{said[1:]}. {NOT_THE_OTHERS}"))


def confirmed_chart(found: Comparison, place: Place) -> BarChart:
    """Confirmed %, a bar a wiring."""
    bars = {wiring: found.spread(place, wiring, CONFIRMED) for wiring in found.wirings_of(place)}
    title = f"{found.title(place)}: confirmed, of the orders offered"
    return BarChart(title, "confirmed, % of the orders offered", bars, SHARES, lambda value: f"{percent(value)} %")


def _told(found: Comparison, place: Place) -> Iterator[Story]:
    for wiring in found.wirings_of(place):
        one = representative(found.of_place(place, wiring), "story")
        if one and isinstance(one["story"], dict) and (story := Story.of(wiring, one["story"])):
            yield story


def _stories(stories: list[Story], ids: Ids) -> Markup | None:
    if not stories:
        return None
    figures = [
        tag(
            "figure",
            tag("figcaption", tag("strong", story.headline)),
            story.drawn(ids),
            tag("details", tag("summary", f"The same in words: {story.wiring}"), story.listed()),
        )
        for story in stories
    ]
    words = (
        "One order of one round for each wiring. Times count from the moment the order should have been sent. Solid "
        "arrows are requests and calls, dashed ones events, boxes transactions."
    )
    return tag(
        "section", tag("h3", "What happened to one order"), tag("p", words), tag("div", figures, class_="charts")
    )
