"""Which orders are followed, and which of them is told."""

from itertools import pairwise
from typing import Any

from lab.load.plan import LoadPlan
from lab.load.records import Record
from lab.tracing.choosing import MOST, to_follow, to_tell

FOLLOWED = tuple(range(0, 200, 10))


def plan(**fields: Any) -> LoadPlan:
    return LoadPlan(**{"url": "http://127.0.0.1/orders", "run": "r", "records": "r.csv", **fields})


def records() -> list[Record]:
    """Ten a second, for twenty seconds from 1000 on."""
    return [Record(index, 1000 + index / 10, 0.1, 5.0, 202) for index in range(200)]


def test_followed_are_orders_at_even_distances_over_the_measured_time() -> None:
    found = to_follow(plan(rate=100.0, seconds=12.0, warmup_seconds=3.0))
    assert len(found) == MOST
    assert min(found) >= 300
    assert {later - earlier for earlier, later in pairwise(found)} == {50}


def test_of_few_orders_each_is_followed() -> None:
    assert to_follow(plan(rate=1.0, seconds=5.0, warmup_seconds=1.0)) == (1, 2, 3, 4, 5)


def test_a_closed_loop_is_followed_without_knowing_how_many_there_will_be() -> None:
    found = to_follow(plan(concurrency=8))
    assert found == tuple(sorted(set(found)))
    assert found[0] < 20


def test_told_is_the_one_in_the_middle_of_the_first_fault() -> None:
    chosen = to_tell(records(), FOLLOWED, [(1012.0, 1014.0), (1003.0, 1007.0)], middle=1010.0)
    assert chosen is not None
    assert chosen.index == 50


def test_without_a_fault_it_is_the_one_in_the_middle() -> None:
    chosen = to_tell(records(), FOLLOWED, [], middle=1010.2)
    assert chosen is not None
    assert chosen.index == 100


def test_when_no_followed_order_was_sent_none_is_told() -> None:
    assert to_tell(records()[:5], (7, 9), [], middle=1000.0) is None
