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
    sent = plan(products=(1, 2, 3), start_at=1.5)
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


def test_percentiles_of_known_values() -> None:
    found = percentiles(histogram(float(value) for value in range(1, 1001)))
    assert found["p50"] == pytest.approx(500, rel=0.002)
    assert found["p99"] == pytest.approx(990, rel=0.002)
    assert found["max"] == pytest.approx(1000, rel=0.002)


def test_nothing_recorded_is_no_figure() -> None:
    assert percentiles(histogram([]))["p99"] is None
