"""The year as load: when each of its lines is due."""

import pytest

from lab.running.errors import ShopError
from lab.trace.lines import Trace
from lab.trace.playing import arrivals


def test_at_a_rate_lines_are_evenly_spaced_in_their_order() -> None:
    trace = Trace.read(500)
    played = list(arrivals(trace, rate=50.0))
    assert [arrival.offset for arrival in played] == [index / 50 for index in range(len(trace))]
    assert [(arrival.product_id, arrival.quantity, arrival.customer) for arrival in played] == [
        (line.product, line.quantity, f"household-{line.household}") for line in trace
    ]


def test_at_a_speed_an_hour_is_a_second_and_one_visit_is_one_moment() -> None:
    trace = Trace.read(500)
    lines, played = list(trace), list(arrivals(trace, speed=3600.0))
    assert played[0].offset == 0
    assert played[-1].offset == pytest.approx((lines[-1].at - lines[0].at).total_seconds() / 3600)
    same = [b.offset for a, b in zip(lines, played, strict=True) if a.at == lines[3].at]
    assert len(same) > 1
    assert len(set(same)) == 1


def test_it_can_be_ended_early() -> None:
    assert len(list(arrivals(Trace.read(500), rate=10.0, seconds=2))) == 20


def test_a_rate_or_a_speed_but_not_both() -> None:
    for fields in ({}, {"rate": 1.0, "speed": 1.0}):
        with pytest.raises(ShopError, match="either"):
            list(arrivals(Trace.read(10), **fields))
