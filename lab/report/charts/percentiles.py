"""Latency by percentile: how slow the slowest are, on two logarithmic axes."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.report.charts.frame import Ids, Looks, across, picture, upward
from lab.report.charts.lines import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, ends
from lab.report.charts.scales import Scale, logarithmic
from lab.report.histograms import Curve
from lab.report.markup import Markup, tag
from lab.report.numbers import milliseconds

_TICKS = ((0.30103, "50"), (1.0, "90"), (2.0, "99"), (3.0, "99.9"), (4.0, "99.99"), (5.0, "99.999"))
_TOLD = ((0.30103, "half"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"))


@dataclass(frozen=True)
class PercentileChart:
    """``curves`` maps a wiring to its curve, none of them empty."""

    title: str
    curves: Mapping[str, Curve]

    def drawn(self, ids: Ids, looks: Looks) -> Markup:
        values = [max(value, 0.001) for curve in self.curves.values() for _, value in curve]
        x = self._across()
        y = logarithmic(min(values), max(values), _short)
        lines = []
        for wiring, curve in self.curves.items():
            places = [f"{x.place(n, LEFT, RIGHT):.1f} {y.place(ms, BOTTOM, TOP):.1f}" for n, ms in curve]
            lines.append(tag("path", d="M" + " L".join(places), class_=f"line {looks.of(wiring)}"))
        tips = [
            (wiring, x.place(curve[-1][0], LEFT, RIGHT), y.place(curve[-1][1], BOTTOM, TOP), looks.of(wiring))
            for wiring, curve in self.curves.items()
        ]
        return picture(
            ids,
            self.title,
            self.description(),
            HEIGHT,
            upward(y, LEFT, RIGHT, TOP, BOTTOM),
            across(x, LEFT, RIGHT, TOP, BOTTOM, "percent of orders that were faster"),
            lines,
            ends(tips),
        )

    def description(self) -> str:
        said = [f"{self.title}: how long the fastest part of the orders took at most."]
        for wiring, curve in self.curves.items():
            told = [
                f"{words} within {milliseconds(at(curve, nines))}" for nines, words in _TOLD if nines <= curve[-1][0]
            ]
            said.append(f"{wiring}: {', '.join(told)}.")
        return " ".join(said)

    def _across(self) -> Scale:
        longest = max(1.0, max(curve[-1][0] for curve in self.curves.values()))
        return Scale(0.0, longest, [(nines, words) for nines, words in _TICKS if nines <= longest])


def at(curve: Curve, nines: float) -> float:
    """The curve's value at a point of the axis, or at the nearest one after it."""
    return next((value for place, value in curve if place >= nines - 0.03), curve[-1][1])


def _short(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
