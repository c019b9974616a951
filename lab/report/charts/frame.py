"""What all charts have in common: a picture with a name and a description, axes, and labels that do not overlap."""

from collections.abc import Sequence
from itertools import count
from typing import get_args

from kit.settings import Wiring
from lab.report.charts.scales import Scale
from lab.report.markup import Child, Markup, joined, tag

WIDTH = 360.0
STYLES = 10
_KNOWN = {name: position for position, name in enumerate(get_args(Wiring))}


class Ids:
    """Ids that are unique on one page."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def next(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}"


class Looks:
    """Which colour and dash pattern a wiring has: the same in all charts, and on all pages for the wirings of ours."""

    def __init__(self, wirings: Sequence[str]) -> None:
        others = [name for name in wirings if name not in _KNOWN]
        self._styles = {**_KNOWN, **{name: len(_KNOWN) + n for n, name in enumerate(others)}}

    def of(self, wiring: str) -> str:
        """The classes of its style sheet."""
        return f"w{self._styles.get(wiring, 0) % STYLES}"


def picture(ids: Ids, title: str, description: str, height: float, *parts: Child, shown: float | None = None) -> Markup:
    """An image for eyes and for screen readers: the description has the figures. It is as wide as its place, or
    ``shown`` pixels."""
    name, words = ids.next("title"), ids.next("desc")
    return tag(
        "svg",
        tag("title", title, id=name),
        tag("desc", description, id=words),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        width=shown,
        height=None if shown is None else shown * height / WIDTH,
        role="img",
        aria_labelledby=f"{name} {words}",
        class_="chart",
    )


def label(words: str, x: float, y: float, *, anchor: str = "start", class_: str | None = None) -> Markup:
    return tag("text", words, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_)


def across(scale: Scale, left: float, right: float, top: float, bottom: float, unit: str) -> Markup:
    """The axis at the bottom, its unit at its end."""
    ticks = []
    for value, words in scale.ticks:
        x = scale.place(value, left, right)
        ticks += [tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"), _tick(words, x, bottom + 15)]
    axis = tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis")
    return joined(axis, ticks, label(unit, right, bottom + 28, anchor="end", class_="unit"))


def upward(scale: Scale, left: float, right: float, top: float, bottom: float) -> Markup:
    """The axis at the left, with lines across the picture."""
    lines = []
    for value, words in scale.ticks:
        y = scale.place(value, bottom, top)
        lines.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        lines.append(label(words, left - 5, y + 3.5, anchor="end", class_="tick"))
    return joined(lines)


def apart(wanted: Sequence[float], low: float, high: float, gap: float = 12.0) -> list[float]:
    """Heights near the wanted ones, none closer than ``gap`` to another; they keep their order, and stay between low
    and high as far as there is room."""
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    placed: list[float] = []
    for n in order:
        placed.append(max(wanted[n], placed[-1] + gap if placed else low))
    for back in range(len(placed) - 1, -1, -1):
        limit = high if back == len(placed) - 1 else placed[back + 1] - gap
        placed[back] = min(placed[back], limit)
    found = [0.0] * len(wanted)
    for n, y in zip(order, placed, strict=True):
        found[n] = y
    return found


def cut(words: str, most: int) -> str:
    """Not longer than there is room for."""
    return words if len(words) <= most else words[: most - 3] + "..."


def _tick(words: str, x: float, y: float) -> Markup:
    return label(words, x, y, anchor="middle", class_="tick")
