"""What a scenario's differences are worth: which of them the rounds carry, and which are noise."""

from collections.abc import Sequence

from lab.comparing.statistics import ENOUGH_ROUNDS
from lab.report.headline import CLAIM, allowed
from lab.report.markup import Markup, tag
from lab.report.numbers import amount
from lab.report.reading import Comparison, Difference, Place
from lab.report.tables import scrolling

_VERDICTS = {
    "differ": CLAIM,
    "apart": "ranges do not overlap",
    "noise": "inside the noise",
    "unknown": "cannot be said",
}
_CLOSED_ONLY = ("settled/s",)


def differences(found: Comparison, place: Place) -> Markup | None:
    """A table by figure; with the ratios' intervals where the document has them. None with one wiring."""
    known = [one for one in found.differences(place) if place.concurrency or one.figure not in _CLOSED_ONLY]
    if not known:
        return None
    words = f"Wirings are held against {known[0].first}, figure by figure."
    if found.few_rounds(place) < ENOUGH_ROUNDS:
        words += f" Of some there are fewer than {ENOUGH_ROUNDS} rounds: no significance is claimed for them."
    if all(one.verdict == "unknown" for one in known):
        words = f"Nothing can be said about differences from {known[0].first}: that takes two rounds each at the least."
        return tag("section", tag("h3", "What the differences are worth"), tag("p", words))
    return tag(
        "section",
        tag("h3", "What the differences are worth"),
        tag("p", words),
        _by_figure(found, place, known),
        _ratios(found, place, known),
    )


def _by_figure(found: Comparison, place: Place, known: Sequence[Difference]) -> Markup:
    present = [name for name in _VERDICTS if any(allowed(one) == name for one in known)]
    body = []
    for figure in dict.fromkeys(one.figure for one in known):
        here = [one for one in known if one.figure == figure]
        cells = [
            tag("td", ", ".join(one.second for one in here if allowed(one) == name) or "-", class_="words")
            for name in present
        ]
        body.append(tag("tr", tag("th", figure, scope="row"), cells))
    heads = ["figure", *(_VERDICTS[name] for name in present)]
    return scrolling(f"{found.title(place)}: difference from {known[0].first}", heads, body, look="text")


def _ratios(found: Comparison, place: Place, known: Sequence[Difference]) -> Markup | None:
    told = [one for one in known if one.ratio is not None]
    if not told:
        return None
    body = [
        tag(
            "tr",
            tag("th", f"{one.figure}, {one.second} to {one.first}", scope="row"),
            tag("td", amount(one.ratio or 0)),
            tag("td", "-" if one.low is None or one.high is None else f"{amount(one.low)} to {amount(one.high)}"),
            tag("td", "-" if one.p is None else f"{one.p:.3f}"),
        )
        for one in told
    ]
    caption = f"{found.title(place)}: ratios, with intervals that hold together with 95 % confidence, and corrected p"
    return tag("details", tag("summary", "Ratios"), scrolling(caption, ["figure", "ratio", "interval", "p"], body))
