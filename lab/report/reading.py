"""A comparison's document as the page needs it. Keys that older documents lack are simply not there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lab.comparing.differences import SCHEMA, differences
from lab.comparing.statistics import Spread
from lab.comparing.summary import FIGURES, at_steps, why_invalid, wirings_of
from lab.report.numbers import number
from lab.running.errors import ShopError

Round = Mapping[str, Any]
_FURTHER: dict[str, Callable[[Round], Any]] = {
    "staleness p50": lambda one: one["staleness"]["p50"],
    "staleness p99": lambda one: one["staleness"]["p99"],
    "staleness max": lambda one: one["staleness"]["max"],
}
TITLES = {
    "healthy": "Everything works",
    "products-slow": "Products is slow",
    "products-down": "Products is down",
    "coordinator-killed": "The coordinator dies",
    "saturation": "As much as goes through",
}
"""For documents that do not say what their scenarios are."""


@dataclass(frozen=True)
class Place:
    """Where wirings meet: a scenario and, in closed loops, how many customers there were at a time (else 0)."""

    scenario: str
    concurrency: int


@dataclass(frozen=True)
class Difference:
    """Two wirings in one figure, and what the rounds allow to be said; ``rounds``: the fewer of the two."""

    figure: str
    first: str
    second: str
    verdict: str
    rounds: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Read-only view of a document. Rounds that must not be used are left out unless they are asked for."""

    document: Mapping[str, Any]
    rounds: Sequence[Round] = field(repr=False)

    @classmethod
    def of(cls, document: Any) -> "Comparison":
        """Raises ShopError when this is no comparison, or of a newer kind than is understood here."""
        if not isinstance(document, Mapping) or not isinstance(document.get("rounds"), list):
            raise ShopError("this is no comparison: give the JSON file that `shop compare` wrote")
        if document.get("schema", SCHEMA) != SCHEMA:
            raise ShopError(
                f"its schema is {document['schema']!r}, known here is {SCHEMA}: use the `shop` that wrote it"
            )
        for position, one in enumerate(document["rounds"], 1):
            if not isinstance(one, Mapping) or not {"scenario", "wiring"} <= one.keys():
                raise ShopError(f"round {position} names no scenario or no wiring: the file is damaged")
        return cls(document, document["rounds"])

    @property
    def conditions(self) -> Mapping[str, Any]:
        return table(self.document, "conditions")

    @property
    def settings(self) -> Mapping[str, Any]:
        return table(self.conditions, "settings")

    @cached_property
    def places(self) -> list[Place]:
        return list(dict.fromkeys(place_of(one) for one in self.rounds))

    @cached_property
    def wirings(self) -> list[str]:
        return wirings_of(self.document)

    def of_place(self, place: Place, wiring: str | None = None, *, valid: bool = True) -> list[Round]:
        return [
            one
            for one in self.rounds
            if place_of(one) == place and wiring in (None, one["wiring"]) and not (valid and why_invalid(one))
        ]

    def wirings_of(self, place: Place) -> list[str]:
        return [wiring for wiring in self.wirings if self.of_place(place, wiring, valid=False)]

    def is_at_steps(self, place: Place) -> bool:
        """Whether its rounds are not alike, because in each a coordinator died somewhere else: they are counted, and
        neither summed up nor compared."""
        return place.scenario in at_steps(self.document)

    def anchor(self, place: Place) -> str:
        """The id of the scenario's section on the page."""
        return f"scenario-{self.places.index(place) + 1}"

    def title(self, place: Place) -> str:
        title = table(table(self.document, "scenarios"), place.scenario).get("title")
        words = str(title or TITLES.get(place.scenario) or place.scenario)
        words = words[:1].upper() + words[1:]
        return f"{words}, {place.concurrency} at a time" if place.concurrency else words

    def told(self, place: Place) -> str:
        """What the scenario does, in its own words; empty when the document does not say."""
        return str(table(table(self.document, "scenarios"), place.scenario).get("text") or "")

    def spread(self, place: Place, wiring: str, figure: str) -> Spread | None:
        """The median over valid rounds with their range; the document's own where it has one."""
        known = self._summary.get((place.scenario, wiring, place.concurrency, figure))
        return known or Spread.of([figure_of(figure, one) for one in self.of_place(place, wiring)])

    def differences(self, place: Place) -> list[Difference]:
        """The document's own, else judged from its rounds, as `shop compare` judges them."""
        return [self._told(place, one) for one in self._differences if place_of(one) == place]

    def few_rounds(self, place: Place) -> int:
        """The fewest valid rounds that a wiring has here."""
        return min((len(self.of_place(place, wiring)) for wiring in self.wirings_of(place)), default=0)

    @cached_property
    def _differences(self) -> Sequence[Mapping[str, Any]]:
        return rows(self.document, "differences") or [one.as_dict() for one in differences(self.document, figure_of)]

    @cached_property
    def _summary(self) -> dict[tuple[str, str, int, str], Spread]:
        found = {}
        for row in rows(self.document, "summary"):
            median, low, high = (number(row.get(name)) for name in ("median", "low", "high"))
            if median is not None and low is not None and high is not None:
                key = (
                    str(row.get("scenario")),
                    str(row.get("wiring")),
                    place_of(row).concurrency,
                    str(row.get("figure")),
                )
                found[key] = Spread(median, low, high, int(number(row.get("rounds")) or 0))
        return found

    def _told(self, place: Place, row: Mapping[str, Any]) -> Difference:
        first, second = str(row.get("first")), str(row.get("second"))
        fewest = min(len(self.of_place(place, wiring)) for wiring in (first, second))
        return Difference(
            figure=str(row.get("figure")),
            first=first,
            second=second,
            verdict=str(row.get("verdict")),
            rounds=fewest,
            ratio=number(row.get("ratio")),
            low=number(row.get("low")),
            high=number(row.get("high")),
            p=number(row.get("p")),
        )


def table(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested table; empty when it is not there."""
    value = found.get(name)
    return value if isinstance(value, Mapping) else {}


def rows(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A nested list of tables; empty when it is not there."""
    value = found.get(name)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def place_of(one: Mapping[str, Any]) -> Place:
    return Place(str(one.get("scenario")), int(number(one.get("concurrency")) or 0))


def figure_of(name: str, one: Round) -> float | None:
    """A figure of one round; None where the round does not have what it takes."""
    try:
        return number((FIGURES.get(name) or _FURTHER[name])(one))
    except (KeyError, TypeError, AttributeError):
        return None
