"""Plans and schedules."""

from itertools import pairwise
from typing import Any

import pytest

from lab.load.histogram import histogram, percentiles
from lab.load.plan import LoadPlan, PlanError
from lab.load.schedule import intended_offsets


def plan(**fields: Any) -> LoadPlan:
    return LoadPlan(**{"url": "http://127.0.0.1/orders", "run": "r", "records": "r.csv", "rate": 100.0, **fields})


def test_a_plan_survives_its_way_to_the_generator() -> None:
    for sent in (plan(products=(1, 2, 3), start_at=1.5), plan(rate=0.0, steps=(1.0, 2.0))):
        assert LoadPlan.from_json(sent.to_json()) == sent


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": 0.0},
        {"concurrency": 5},
        {"seconds": 0.0},
        {"warmup_seconds": -1.0},
        {"arrivals": "burst"},
        {"products": ()},
        {"quantity": 0},
        {"rate": 1e9},
        {"rate": float("nan")},
        {"seconds": float("inf")},
        {"warmup_seconds": float("nan")},
        {"steps": (10.0,)},
        {"rate": 0.0, "steps": (10.0, 0.0)},
        {"rate": 0.0, "steps": (10.0,), "ramp_to": 5.0},
        {"ramp_to": -1.0},
        {"ramp_to": float("inf")},
        {"url": "orders"},
        {"url": "http://:80/orders"},
        {"url": "http://[1/"},
        {"url": "http://a:99999/"},
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        plan(**fields)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"url": 1}', b'{"nonsense": 1}'])
def test_what_is_not_a_plan_is_refused(text: bytes) -> None:
    with pytest.raises(PlanError):
        LoadPlan.from_json(text)


def test_constant_arrivals_are_evenly_spaced_and_include_the_warm_up() -> None:
    offsets = intended_offsets(plan(rate=10.0, seconds=2, warmup_seconds=1))
    assert len(offsets) == 30
    assert {round(b - a, 9) for a, b in pairwise(offsets)} == {0.1}


def test_poisson_arrivals_have_the_rate_and_are_reproducible() -> None:
    fields = {"rate": 1000.0, "seconds": 10, "arrivals": "poisson"}
    offsets = intended_offsets(plan(**fields, seed=3))
    assert len(offsets) == pytest.approx(10_000, rel=0.05)
    assert list(offsets) == sorted(offsets)
    assert offsets == intended_offsets(plan(**fields, seed=3))
    assert offsets != intended_offsets(plan(**fields, seed=4))


def test_a_ramp_goes_evenly_from_one_rate_to_another() -> None:
    """Of 10 s from 10/s to 30/s: 200 orders, 75 of them in the first half, and the gaps are those of the moment."""
    offsets = intended_offsets(plan(rate=10.0, ramp_to=30.0, seconds=10, warmup_seconds=1))
    assert len(offsets) == 10 + 200
    assert sum(1 <= offset < 6 for offset in offsets) == 75
    gaps = [b - a for a, b in pairwise(offsets)]
    assert gaps[9:] == sorted(gaps[9:], reverse=True)
    assert gaps[0] == pytest.approx(1 / 10)
    assert gaps[-1] == pytest.approx(1 / 30, rel=0.01)
    assert offsets[-1] < 11


def test_a_ramp_may_go_down() -> None:
    offsets = intended_offsets(plan(rate=30.0, ramp_to=10.0, seconds=10))
    assert sum(offset < 5 for offset in offsets) == 125
    assert len(offsets) == 200
    assert list(offsets) == sorted(offsets)


def test_steps_share_the_seconds_and_the_warm_up_has_the_first_ones_rate() -> None:
    offsets = intended_offsets(plan(rate=0.0, steps=(10.0, 50.0, 20.0), seconds=6, warmup_seconds=1))
    counts = [
        sum(begin <= offset + 1e-9 < end for offset in offsets) for begin, end in ((0, 1), (1, 3), (3, 5), (5, 7))
    ]
    assert counts == [10, 20, 100, 40]


def test_poisson_arrivals_follow_steps() -> None:
    offsets = intended_offsets(plan(rate=0.0, steps=(100.0, 1000.0), seconds=20, arrivals="poisson"))
    assert sum(offset < 10 for offset in offsets) == pytest.approx(1000, rel=0.15)
    assert sum(offset >= 10 for offset in offsets) == pytest.approx(10_000, rel=0.05)
    assert list(offsets) == sorted(offsets)


def test_percentiles_of_known_values() -> None:
    found = percentiles(histogram(float(value) for value in range(1, 1001)))
    assert found["p50"] == pytest.approx(500, rel=0.002)
    assert found["p99"] == pytest.approx(990, rel=0.002)
    assert found["max"] == pytest.approx(1000, rel=0.002)


def test_nothing_recorded_is_no_figure() -> None:
    assert percentiles(histogram([]))["p99"] is None
