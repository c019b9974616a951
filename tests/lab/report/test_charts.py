"""What is drawn lies where the figures say."""

import random
from itertools import pairwise
from typing import Any

import pytest

from lab.comparing.statistics import Spread
from lab.load.histogram import encoded, histogram, percentiles
from lab.report.charts.bars import BarChart
from lab.report.charts.frame import Ids, Looks, apart
from lab.report.charts.lines import BOTTOM, LEFT, RIGHT, TOP, LineChart
from lab.report.charts.percentiles import at
from lab.report.charts.scales import linear, logarithmic, time_scale
from lab.report.charts.strips import Strip, stretches
from lab.report.histograms import curve
from lab.report.page import SHARES
from lab.report.reading import Comparison
from lab.report.series import medians, windows
from lab.report.tables import Column, outcomes
from tests.lab.report.documents import document, old_format
from tests.lab.report.parsed import parsed, words


@pytest.mark.parametrize("highest", [0, 0.3, 1, 7, 50, 99, 100, 101, 640, 12_345])
def test_a_scale_holds_its_values_with_few_round_ticks(highest: float) -> None:
    scale = linear(highest)
    assert scale.low == 0
    assert scale.high >= highest
    assert 3 <= len(scale.ticks) <= 7
    assert scale.place(0, 10, 110) == 10
    assert scale.place(scale.high, 10, 110) == 110
    assert scale.place(scale.high * 2, 10, 110) == 110, "nothing is drawn outside"


def test_a_decade_is_as_long_as_any_other() -> None:
    scale = logarithmic(2, 900, str)
    assert (scale.low, scale.high) == (1, 1000)
    steps = [scale.place(value, 0, 300) for value in (1, 10, 100, 1000)]
    assert steps == pytest.approx([0, 100, 200, 300])


@pytest.mark.parametrize("values", [(0.0, 0.0), (5.0, 5.0), (1.0, 1.0), (0.02, 119_000.0)])
def test_a_logarithmic_scale_stands_any_latency(values: tuple[float, float]) -> None:
    scale = logarithmic(*values, str)
    assert all(0 <= scale.place(max(value, scale.low), 0, 100) <= 100 for value in values)
    assert len(scale.ticks) >= 2


@pytest.mark.parametrize("seed", range(20))
def test_names_at_line_ends_do_not_cover_each_other(seed: int) -> None:
    draw = random.Random(seed)
    wanted = [draw.uniform(24, 190) for _ in range(8)]
    placed = apart(wanted, 24, 190)
    ordered = sorted(placed)
    assert all(after - before >= 11.99 for before, after in pairwise(ordered))
    assert min(placed) >= 24
    assert max(placed) <= 190
    assert sorted(range(8), key=lambda n: wanted[n]) == sorted(range(8), key=lambda n: placed[n])


def test_the_faults_window_is_shaded_where_it_was() -> None:
    comparison = Comparison.of(document(("events",)))
    down = comparison.places[1]
    (window,) = windows(comparison.of_place(down))
    assert (window.words, round(window.began, 1), round(window.ended, 1)) == ("products is down", 8.0, 18.2)
    chart = LineChart("title", "n", {"events": [(0, 1.0), (50, 2.0)]}, [window], lambda _, high: linear(high))
    tree = parsed(chart.drawn(Ids(), Looks(["events"])))
    (shade,) = (one for one in tree.every("rect") if one.attributes["class"] == "fault")
    x = time_scale(50)
    left, width = float(shade.attributes["x"] or 0), float(shade.attributes["width"] or 0)
    assert left == pytest.approx(x.place(8, LEFT, RIGHT), abs=0.1)
    assert left + width == pytest.approx(x.place(18.2, LEFT, RIGHT), abs=0.2)
    assert "products is down from second 8.0 to 18.2" in words(tree)


def test_an_older_documents_outage_is_a_window_too() -> None:
    comparison = Comparison.of(old_format(document(("events",))))
    (window,) = windows(comparison.of_place(comparison.places[1]))
    assert (window.words, round(window.began, 1)) == ("products is down", 8.0)


def test_each_second_is_the_median_over_the_rounds_and_a_gap_stays_a_gap() -> None:
    found: list[dict[str, Any]] = [
        {"series": {"seconds": [0, 1, 2], "accepted": [1, 10, None]}},
        {"series": {"seconds": [0, 1, 2], "accepted": [2, 30, None]}},
        {"series": {"seconds": [0, 1, 2, 3], "accepted": [9, 20, None, 7]}},
        {"series": None},
    ]
    assert medians(found, "accepted") == [(0, 2), (1, 20), (2, None), (3, 7)]
    assert medians(found, "lag") == []


def test_a_round_at_rest_counts_while_others_go_on() -> None:
    found: list[dict[str, Any]] = [
        {"series": {"seconds": [0, 1], "lag": [5, 4]}},
        {"series": {"seconds": [0, 1], "lag": [5, 6]}},
        {"series": {"seconds": [0, 1, 2], "lag": [5, 8, 9]}},
    ]
    assert medians(found, "lag", afterwards=0.0) == [(0, 5), (1, 6), (2, 0)]


def test_a_line_is_broken_where_nothing_is_known() -> None:
    points = [(0.0, 0.0), (1.0, 10.0), (2.0, None), (3.0, 5.0), (4.0, 10.0)]
    chart = LineChart("t", "n", {"chain": points}, [], lambda _, high: linear(high))
    tree = parsed(chart.drawn(Ids(), Looks(["chain"])))
    (path,) = (one for one in tree.every("path") if "line" in (one.attributes["class"] or ""))
    strokes = (path.attributes["d"] or "").split(" M")
    assert len(strokes) == 2
    assert strokes[0] == f"M{LEFT:.1f} {BOTTOM:.1f} L{LEFT + (RIGHT - LEFT) / 4:.1f} {TOP:.1f}"
    assert "highest 10 at second 1" in words(tree)


def test_a_curve_tells_what_the_histogram_tells() -> None:
    draw = random.Random(5)
    values = histogram(draw.lognormvariate(3, 1) for _ in range(5000))
    points, count = curve([encoded(values)])
    told = percentiles(values)
    assert count == 5000
    for nines, name in ((0.30103, "p50"), (1.30103, "p95"), (2.0, "p99")):
        assert at(points, nines) == pytest.approx(told[name], rel=0.12)
    assert at(points, 2.0) == told["p99"]
    assert points[-1][1] <= (told["max"] or 0)


def test_curves_of_several_rounds_are_of_all_values_together() -> None:
    fast, slow = histogram([1.0] * 900), histogram([100.0] * 100)
    points, count = curve([encoded(fast), encoded(slow)])
    assert count == 1000
    assert at(points, 0.5) == pytest.approx(1.0, rel=0.01)
    assert at(points, 1.5) == pytest.approx(100.0, rel=0.01)


def test_a_bar_is_as_long_as_its_median_and_tells_its_range() -> None:
    bars = {"events": Spread(50.0, 25.0, 75.0, 3), "chain": None}
    tree = parsed(BarChart("t", "%", bars, SHARES, lambda v: f"{v:g} %").drawn(Ids(), Looks(list(bars))))
    (bar,) = tree.every("rect")
    assert float(bar.attributes["width"] or 0) == pytest.approx((298 - 98) / 2, abs=0.1)
    assert "events: 50 % (median of 3 rounds, 25 % to 75 %); chain: no figure" in words(next(tree.every("desc")))


def test_a_circuits_states_are_stretches_of_time() -> None:
    states = ["closed", "closed", "open", None, "open", "half_open", "nonsense"]
    strip = Strip("chain-breaker", "orders->products", [(float(n), state) for n, state in enumerate(states)])
    assert stretches(strip) == [("closed", 0, 2), ("open", 2, 3), ("open", 4, 5), ("half_open", 5, 6)]


def test_every_wiring_has_a_look_of_its_own() -> None:
    names = [
        "events",
        "chain",
        "chain-retry",
        "chain-breaker",
        "chain-mesh",
        "tcc",
        "2pc",
        "3pc",
        "another",
        "one-more",
    ]
    looks = Looks(names)
    assert len({looks.of(name) for name in names}) == len(names)


def test_columns_keep_the_digits_that_matter() -> None:
    comparison = Comparison.of(document())
    assert Column("accept p50", "x").written(6.0) == "6.00"
    assert "100" in outcomes(comparison, comparison.places[0], Looks([]))
