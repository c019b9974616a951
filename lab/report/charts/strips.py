"""States over time, a strip each: when a circuit breaker was closed, open or half open."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from lab.report.charts.frame import WIDTH, Ids, Looks, across, cut, label, picture
from lab.report.charts.lines import shaded
from lab.report.charts.scales import time_scale
from lab.report.markup import Markup, joined, tag
from lab.report.series import Window

LEFT, RIGHT, TOP, ROW = 10.0, WIDTH - 10.0, 28.0, 36.0
_WORDS = {"closed": "closed", "open": "open", "half_open": "half open"}


@dataclass(frozen=True)
class Strip:
    """One circuit of a wiring: its state at each second, None where it is not known."""

    wiring: str
    circuit: str
    states: Sequence[tuple[float, str | None]]


@dataclass(frozen=True)
class StripChart:
    title: str
    strips: Sequence[Strip]
    windows: Sequence[Window]

    def drawn(self, ids: Ids, looks: Looks) -> Markup:
        bottom = TOP + ROW * len(self.strips)
        x = time_scale(max(at for strip in self.strips for at, _ in strip.states) + 1)
        rows = []
        for n, strip in enumerate(self.strips):
            top = TOP + ROW * n
            rows.append(
                label(
                    cut(f"{strip.wiring}: {strip.circuit}", 50), LEFT, top + 12, class_=f"name {looks.of(strip.wiring)}"
                )
            )
            for state, began, ended in stretches(strip):
                start, end = x.place(began, LEFT, RIGHT), x.place(ended, LEFT, RIGHT)
                rows.append(_stretch(state, start, end, top + 17))
        return picture(
            ids,
            self.title,
            self.description(),
            bottom + 34,
            shaded(self.windows, x, LEFT, RIGHT, TOP, bottom),
            across(x, LEFT, RIGHT, TOP, bottom, "seconds of measured load"),
            rows,
        )

    def description(self) -> str:
        said = [f"{self.title}."]
        for strip in self.strips:
            parts = [f"{_WORDS[state]} from second {a:g} to {b:g}" for state, a, b in stretches(strip)]
            said.append(f"{strip.wiring}, {strip.circuit}: {', '.join(parts)}.")
        return " ".join(said)


def stretches(strip: Strip) -> list[tuple[str, float, float]]:
    """State, first second, and the second after the last; what is unknown is left out."""
    found = []
    for state, group in groupby(strip.states, key=lambda one: one[1]):
        seconds = [at for at, _ in group]
        if state in _WORDS:
            found.append((state, seconds[0], seconds[-1] + 1))
    return found


def _stretch(state: str, start: float, end: float, top: float) -> Markup:
    """Closed is a thin line, half open a low box, open a high one: told apart without colours. Named where there is
    room."""
    height = {"closed": 2.0, "half_open": 8.0, "open": 14.0}[state]
    box = tag("rect", x=start, y=top + 14 - height, width=max(end - start, 1), height=height, class_=f"circuit {state}")
    words = _WORDS[state]
    if state == "closed" or end - start < 6 * len(words):
        return box
    return joined(box, label(words, (start + end) / 2, top + 11, anchor="middle", class_=f"in-{state}"))
