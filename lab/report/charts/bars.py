"""One bar a wiring: its median as the length and in digits, the rounds' range as a line across its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.comparing.statistics import Spread
from lab.report.charts.frame import WIDTH, Ids, Looks, across, cut, label, picture
from lab.report.charts.scales import Scale
from lab.report.markup import Markup, joined, tag
from lab.report.numbers import plural

LEFT, RIGHT, TOP, ROW = 98.0, WIDTH - 62.0, 8.0, 26.0


@dataclass(frozen=True)
class BarChart:
    """``bars`` maps a wiring to its figure, None where it has none; ``written`` writes a value, unit included."""

    title: str
    unit: str
    bars: Mapping[str, Spread | None]
    scale: Scale
    written: Callable[[float], str]

    def drawn(self, ids: Ids, looks: Looks, *first: Markup, shown: float | None = None) -> Markup:
        """For a picture of its own: ``first`` is its style, ``shown`` how wide it is shown, in pixels."""
        bottom = TOP + ROW * len(self.bars)
        rows = [self._row(TOP + ROW * n, wiring, looks) for n, wiring in enumerate(self.bars)]
        axis = across(self.scale, LEFT, RIGHT, TOP, bottom, self.unit)
        return picture(ids, self.title, self.description(), bottom + 34, *first, axis, rows, shown=shown)

    def description(self) -> str:
        said = [self._said(wiring, spread) for wiring, spread in self.bars.items()]
        return f"{self.title}. {'; '.join(said)}."

    def _row(self, top: float, wiring: str, looks: Looks) -> list[Markup]:
        spread, middle, look = self.bars[wiring], top + ROW / 2, looks.of(wiring)
        name = label(cut(wiring, 14), LEFT - 6, middle + 4, anchor="end", class_=f"name {look}")
        if spread is None:
            return [name, label("no figure", LEFT + 4, middle + 4, class_="tick")]
        x, low, high = (self.scale.place(v, LEFT, RIGHT) for v in (spread.median, spread.low, spread.high))
        return [
            name,
            tag("rect", x=LEFT, y=top + 5, width=max(x - LEFT, 1), height=ROW - 10, class_=f"bar {look}"),
            self._range(low, high, middle) if spread.low < spread.high else Markup(),
            label(self.written(spread.median), max(x, high) + 6, middle + 4, class_="value"),
        ]

    def _range(self, low: float, high: float, y: float) -> Markup:
        """Drawn twice, the first time broader and in the ground's colour, so that it can be seen on any bar."""
        places = [(low, high, y, y), (low, low, y - 4, y + 4), (high, high, y - 4, y + 4)]
        return joined(
            tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=look)
            for look in ("halo", "range")
            for x1, x2, y1, y2 in places
        )

    def _said(self, wiring: str, spread: Spread | None) -> str:
        if spread is None:
            return f"{wiring}: no figure"
        words = f"{wiring}: {self.written(spread.median)}"
        if spread.rounds < 2:
            return f"{words} (one round)"
        low, high = self.written(spread.low), self.written(spread.high)
        return f"{words} (median of {plural(spread.rounds, 'round')}, {low} to {high})"
