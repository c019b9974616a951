"""A scenario second by second: a chart a figure, a line a wiring, what was broken as shade."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.report.charts.frame import Ids, Looks
from lab.report.charts.lines import LineChart
from lab.report.charts.scales import Scale, linear, logarithmic
from lab.report.charts.strips import Strip, StripChart
from lab.report.markup import Markup, tag
from lab.report.numbers import number, plural
from lab.report.reading import Comparison, Place, Round, table
from lab.report.series import medians, representative, windows


@dataclass(frozen=True)
class _Figure:
    key: str
    title: str
    unit: str
    about: str
    up: Callable[[float, float], Scale]
    afterwards: float | None = 0.0


def _from_zero(low: float, high: float) -> Scale:
    return linear(high)


def _decades(low: float, high: float) -> Scale:
    return logarithmic(low, high, lambda value: f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms")


_FIGURES = (
    _Figure("accepted", "Accepted a second", "orders/s", "Orders answered with a success.", _from_zero),
    _Figure("settled", "Settled a second", "orders/s", "Orders that came to their end.", _from_zero),
    _Figure("accept_p99_ms", "Accept latency, p99", "ms", "Of the orders sent in that second.", _decades, None),
    _Figure("lag", "Lag", "events", "Events that consumers have not handled yet.", _from_zero),
    _Figure("outbox", "Outbox", "events", "Events that are recorded, but not published yet.", _from_zero),
)


def over_time(found: Comparison, place: Place, ids: Ids, looks: Looks) -> Markup | None:
    """All charts there are figures for; None when rounds have no series."""
    shade = windows(found.of_place(place))
    figures = [made for one in _FIGURES if (made := _chart(found, place, one, ids, looks))]
    strips = _circuits(found, place)
    if strips:
        chart = StripChart(f"{found.title(place)}: circuit breakers", strips, shade)
        figures.append(_framed("Circuit breakers", "Of one round a wiring. High box: open.", chart.drawn(ids, looks)))
    if not figures:
        return None
    rounds = plural(found.few_rounds(place), "round")
    words = f"Each line is the median at that second over the rounds of its wiring ({rounds} or more)."
    if shade:
        told = "; ".join(f"{one.words} from second {one.began:.1f} to {one.ended:.1f}" for one in shade)
        words += f" Shaded: {told}."
    return tag("section", tag("h3", "Second by second"), tag("p", words), tag("div", figures, class_="charts"))


def _chart(found: Comparison, place: Place, one: _Figure, ids: Ids, looks: Looks) -> Markup | None:
    every = {
        wiring: medians(found.of_place(place, wiring), one.key, one.afterwards) for wiring in found.wirings_of(place)
    }
    lines = {wiring: points for wiring, points in every.items() if points}
    if not lines:
        return None
    chart = LineChart(f"{found.title(place)}: {one.title}", one.unit, lines, windows(found.of_place(place)), one.up)
    return _framed(f"{one.title}, {one.unit}", one.about, chart.drawn(ids, looks))


def _framed(title: str, about: str, drawn: Markup) -> Markup:
    return tag("figure", tag("figcaption", tag("strong", title), " ", about), drawn)


def _circuits(found: Comparison, place: Place) -> list[Strip]:
    strips = []
    for wiring in found.wirings_of(place):
        having = [one for one in found.of_place(place, wiring) if _states(one)]
        if one := representative(having, "series"):
            strips += [Strip(wiring, circuit, states) for circuit, states in _states(one).items()]
    return strips


def _states(one: Round) -> dict[str, list[tuple[float, str | None]]]:
    """The states of each circuit that was seen at least once, by second."""
    series = table(one, "series")
    seconds = series.get("seconds")
    found = {}
    for circuit, states in table(series, "circuits").items():
        if not isinstance(states, list) or not isinstance(seconds, list):
            continue
        timed = [
            (at, str(state) if state else None)
            for s, state in zip(seconds, states, strict=False)
            if (at := number(s)) is not None
        ]
        if any(state in ("closed", "open", "half_open") for _, state in timed):
            found[str(circuit)] = timed
    return found
