"""Lines over time, the faults' windows shaded, each line named at its end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.report.charts.frame import WIDTH, Ids, Looks, across, apart, cut, label, picture, upward
from lab.report.charts.scales import Scale, time_scale
from lab.report.markup import Markup, joined, tag
from lab.report.numbers import amount, plural, short
from lab.report.series import Points, Window

LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 44.0, WIDTH - 100.0, 24.0, 190.0, 226.0


@dataclass(frozen=True)
class LineChart:
    """``lines`` maps a wiring to its points; ``up`` makes the scale from the lowest and highest value."""

    title: str
    unit: str
    lines: Mapping[str, Points]
    windows: Sequence[Window]
    up: Callable[[float, float], Scale]

    def drawn(self, ids: Ids, looks: Looks) -> Markup:
        known = [value for points in self.lines.values() for _, value in points if value is not None]
        x = time_scale(max(second for points in self.lines.values() for second, _ in points))
        y = self.up(min(known), max(known))
        return picture(
            ids,
            self.title,
            self.description(),
            HEIGHT,
            shaded(self.windows, x, LEFT, RIGHT, TOP, BOTTOM),
            upward(y, LEFT, RIGHT, TOP, BOTTOM),
            across(x, LEFT, RIGHT, TOP, BOTTOM, "seconds of measured load"),
            [_path(points, x, y, looks.of(wiring)) for wiring, points in self.lines.items()],
            ends(
                [
                    (wiring, x.place(at, LEFT, RIGHT), y.place(value, BOTTOM, TOP), looks.of(wiring))
                    for wiring, points in self.lines.items()
                    for at, value in [_last(points)]
                ]
            ),
        )

    def description(self) -> str:
        """The figures in words, for who cannot see the picture."""
        said = [f"{self.title}, {self.unit}, by second."]
        said += [f"Shaded: {w.words} from second {w.began:.1f} to {w.ended:.1f}." for w in self.windows]
        for wiring, points in self.lines.items():
            known = [(value, at) for at, value in points if value is not None]
            (low, low_at), (high, high_at) = min(known), max(known, key=lambda one: one[0])
            typical = sorted(value for value, _ in known)[(len(known) - 1) // 2]
            said.append(
                f"{wiring}: {_told(typical)} in the middle of {plural(len(known), 'second')}, "
                f"lowest {_told(low)} at second {low_at:g}, highest {_told(high)} at second {high_at:g}."
            )
        return " ".join(said)


def shaded(windows: Sequence[Window], x: Scale, left: float, right: float, top: float, bottom: float) -> Markup:
    """Each window as a bar of shade with its name above; an instant gets a bar one unit wide."""
    parts = []
    for row, window in enumerate(windows):
        begin, end = (x.place(at, left, right) for at in (window.began, window.ended))
        middle = min(max((begin + end) / 2, left + 40), right - 20)
        parts.append(tag("rect", x=begin, y=top, width=max(end - begin, 1.0), height=bottom - top, class_="fault"))
        if row < 2:
            parts.append(label(window.words, middle, top - 6 - 10 * row, anchor="middle", class_="fault-name"))
    return joined(parts)


def ends(lines: Sequence[tuple[str, float, float, str]]) -> Markup:
    """Names beside the ends of lines, moved apart where they would cover each other, each joined with its line."""
    places = apart([y for _, _, y, _ in lines], TOP, BOTTOM)
    return joined(
        [
            tag("line", x1=x, y1=y, x2=RIGHT + 5, y2=place, class_="leader"),
            label(cut(name, 14), RIGHT + 7, place + 3.5, class_=f"name {look}"),
        ]
        for (name, x, y, look), place in zip(lines, places, strict=True)
    )


def _path(points: Points, x: Scale, y: Scale, look: str) -> Markup:
    runs = list(_runs(points))
    strokes = " ".join(
        "M" + " L".join(f"{x.place(at, LEFT, RIGHT):.1f} {y.place(value, BOTTOM, TOP):.1f}" for at, value in run)
        for run in runs
    )
    lonely = [
        tag(
            "circle",
            cx=x.place(run[0][0], LEFT, RIGHT),
            cy=y.place(run[0][1], BOTTOM, TOP),
            r=1.6,
            class_=f"dot {look}",
        )
        for run in runs
        if len(run) == 1
    ]
    return joined(tag("path", d=strokes, class_=f"line {look}"), lonely)


def _runs(points: Points) -> Iterator[list[tuple[float, float]]]:
    """Stretches without a gap."""
    run: list[tuple[float, float]] = []
    for at, value in points:
        if value is not None:
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _last(points: Points) -> tuple[float, float]:
    return next((at, value) for at, value in reversed(points) if value is not None)


def _told(value: float) -> str:
    return short(value) if value == round(value) else amount(value)
