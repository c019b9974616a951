"""A chart of a comparison as a picture of its own, for pages: ``python -m lab.report.picture FILE SCENARIO > PICTURE``.

Confirmed %, a bar a wiring, drawn by the report's own code from the document that stands beside the pages.
"""

import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from lab.console import fail, plain_errors
from lab.report.charts.frame import Ids, Looks
from lab.report.markup import Markup, tag, trusted
from lab.report.page import confirmed_chart
from lab.report.reading import Comparison
from lab.running.errors import ShopError

SHOWN = 720.0
"""Pixels: twice the size of a phone's."""
USAGE = "usage: python -m lab.report.picture RESULTS.json SCENARIO > PICTURE.svg"


def picture_of(document: Any, scenario: str) -> Markup:
    """The SVG, light and dark. Raises ShopError when the document is no comparison, or has no such scenario."""
    found = Comparison.of(document)
    places = [place for place in found.places if place.scenario == scenario and not place.concurrency]
    if not places:
        known = ", ".join(place.scenario for place in found.places)
        raise ShopError(f"there is no {scenario!r} in this comparison; there are {known}")
    palette = (files("lab.report") / "palette.css").read_text("utf-8")
    style = tag("style", trusted(f"{palette}.chart {{ background: var(--paper) }}\n"))
    return confirmed_chart(found, places[0]).drawn(Ids(), Looks(found.wirings), style, shown=SHOWN)


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 2:
        raise fail(USAGE, 2)
    with plain_errors():
        print(picture_of(orjson.loads(Path(arguments[0]).read_bytes()), arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
