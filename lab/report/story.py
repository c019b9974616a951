"""What happened to one order: who asked whom, who told whom, in the order of time, as a sequence picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.report.charts.frame import WIDTH, Ids, cut, label, picture
from lab.report.markup import Markup, joined, tag
from lab.report.numbers import milliseconds, number, plural
from lab.report.reading import rows

CUSTOMER = "customer"
_USUAL = (CUSTOMER, "orders", "products", "delivery")
_HEAD, _ROW, _SIDE = 34.0, 30.0, 46.0
_FIRST, _LAST = 82.0, WIDTH - 32.0
_WORDS = {"request": "asked by", "call": "called by", "event": "told by", "transaction": "in its database"}
MOST = 60
_LETTERS, _WIDE = 50, 5.7


@dataclass(frozen=True)
class Step:
    """One thing that happened, ``at`` ms after the order was offered. ``came_from`` is None where it happened inside
    ``who`` alone; ``took`` is None where that is not known."""

    who: str
    what: str
    kind: str
    came_from: str | None
    at: float
    took: float | None
    ok: bool

    @property
    def across(self) -> bool:
        return self.came_from is not None and self.came_from != self.who

    def shown(self) -> str:
        """As it stands in the picture: for an event, how much later it was handled; else how long it took."""
        what = self.what if self.ok or ": " in self.what else f"{self.what} (failed)"
        took = "" if self.took is None else f", {'+' if self.kind == 'event' else ''}{milliseconds(self.took)}"
        return cut(what, _LETTERS - len(took)) + took

    def told(self) -> str:
        """One sentence."""
        link = _WORDS.get(self.kind, self.kind)
        whence = f" {link} {self.came_from}" if self.across else f" {link}" if self.kind == "transaction" else ""
        took = "" if self.took is None else f", took {milliseconds(self.took)}"
        if self.kind == "event" and self.took is not None:
            took = f", handled {milliseconds(self.took)} later"
        return f"at {milliseconds(self.at)}: {self.who}: {self.what}{whence}{took}{'' if self.ok else ', failed'}"


@dataclass(frozen=True)
class Story:
    """One order of one wiring."""

    wiring: str
    order_id: str | None
    status: str | None
    settled_ms: float | None
    steps: Sequence[Step]

    @classmethod
    def of(cls, wiring: str, found: Mapping[str, Any]) -> "Story | None":
        """None when nothing of the order was seen."""
        steps = sorted((_step(span) for span in rows(found, "spans")), key=lambda step: step.at)
        if not steps:
            return None
        offered, settled = number(found.get("offered_at")), number(found.get("settled_at"))
        took = None if offered is None or settled is None else (settled - offered) * 1000
        name, status = (str(found[key]) if found.get(key) else None for key in ("order_id", "status"))
        return cls(wiring, name, status, took, steps)

    @property
    def headline(self) -> str:
        if self.order_id is None:
            return f"{self.wiring}: an order that no database knows"
        end = "" if self.settled_ms is None else f" after {milliseconds(self.settled_ms)}"
        return f"{self.wiring}: order {self.order_id} is {self.status or 'unknown'}{end}"

    def drawn(self, ids: Ids) -> Markup:
        lanes = self._lanes()
        shown = self.steps[:MOST]
        bottom = _HEAD + _ROW * len(shown) + 8
        places = {who: _place(n, len(lanes)) for n, who in enumerate(lanes)}
        heads = [_lane(who, places[who], bottom, len(lanes)) for who in lanes]
        body = [_drawn(step, places, _HEAD + _ROW * n + 20) for n, step in enumerate(shown)]
        return picture(ids, self.headline, self.description(), bottom + 4, heads, body)

    def description(self) -> str:
        parts = self._parts()
        return f"{self.headline}. {plural(len(parts), 'step')}: {'; '.join(parts)}."

    def listed(self) -> Markup:
        """The same as a list."""
        return tag("ol", [tag("li", words) for words in self._parts()], class_="steps")

    def _parts(self) -> list[str]:
        beyond = len(self.steps) - MOST
        parts = [step.told() for step in self.steps[:MOST]]
        return [*parts, f"{plural(beyond, 'further step')} left out"] if beyond > 0 else parts

    def _lanes(self) -> list[str]:
        """Customer and services first, then who else took part, in the order of appearance."""
        seen = dict.fromkeys(name for step in self.steps for name in (step.came_from, step.who) if name)
        return [name for name in _USUAL if name in seen] + [name for name in seen if name not in _USUAL]


def _step(span: Mapping[str, Any]) -> Step:
    kind, came_from = str(span.get("kind")), span.get("from")
    if kind == "request" and not came_from:
        came_from = CUSTOMER
    return Step(
        who=str(span.get("who")),
        what=str(span.get("what")),
        kind=kind,
        came_from=str(came_from) if came_from else None,
        at=number(span.get("at_ms")) or 0.0,
        took=number(span.get("took_ms")),
        ok=span.get("ok") is not False,
    )


def _place(position: int, lanes: int) -> float:
    """Where a lane stands; the times have the left side to themselves."""
    return _FIRST + (_LAST - _FIRST) * (position / (lanes - 1) if lanes > 1 else 0.5)


def _lane(who: str, x: float, bottom: float, lanes: int) -> Markup:
    """Its name is cut to the room between lanes; letters are taken to be 6.2 wide."""
    room = 60.0 if lanes < 2 else min((_LAST - _FIRST) / (lanes - 1), 60.0)
    line = tag("line", x1=x, x2=x, y1=24, y2=bottom, class_="life")
    return joined(line, label(cut(who, int(room / 6.2)), x, 16, anchor="middle", class_="lane"))


def _drawn(step: Step, places: Mapping[str, float], y: float) -> Markup:
    """An arrow between two lanes, or a box on one; what it was above it, its time at the left."""
    x, bad = places[step.who], "" if step.ok else " bad"
    words = step.shown()
    time = label(_clock(step.at), _SIDE, y + 3.5, anchor="end", class_="tick")
    if step.across and step.came_from is not None:
        start = places[step.came_from]
        tip = -1 if x > start else 1
        mark = tag("path", d=f"M{x:.1f} {y:.1f} l{tip * 6} -3.5 v7 z", class_=f"tip{bad}")
        arrow = tag("line", x1=start, x2=x + tip * 5, y1=y, y2=y, class_=f"arrow {_look(step.kind)}{bad}")
        return joined(time, arrow, mark, _words(words, (start + x) / 2, y - 5, bad))
    box = tag("rect", x=x - 5, y=y - 5, width=10, height=10, rx=2, class_=f"act {_look(step.kind)}{bad}")
    return joined(time, box, _words(words, x, y - 8, bad))


def _words(words: str, x: float, y: float, bad: str) -> Markup:
    """Centred on ``x``, but never outside the picture, nor over the times."""
    half = len(words) * _WIDE / 2
    inside = min(max(x, _SIDE + 6 + half), WIDTH - 2 - half)
    return label(words, inside, y, anchor="middle", class_=f"said{bad}")


def _look(kind: str) -> str:
    return kind if kind in _WORDS else "other"


def _clock(ms: float) -> str:
    """As short as the side is narrow."""
    return f"{ms / 1000:.2f} s" if ms >= 1000 else milliseconds(ms)
