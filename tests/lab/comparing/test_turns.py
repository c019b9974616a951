"""A shop of others takes its turn among the wirings, in what it can have."""

from collections import Counter

import pytest

from kit.settings import Wiring
from lab.comparing.external import NAME, External
from lab.comparing.presets import estimate
from lab.comparing.schedule import WARMING, Planned
from lab.comparing.settings import CompareSettings
from lab.comparing.turns import expected, left_out, turns

THEIRS = External("http://localhost:8081/orders")
WIRINGS: tuple[Wiring, ...] = ("events", "chain", "tcc")


def who(one: object) -> str:
    return one.wiring if isinstance(one, Planned) else NAME


def kept(settings: CompareSettings) -> list[str]:
    return [who(one) for one in turns(settings, THEIRS) if one.number != WARMING]


@pytest.mark.parametrize("wirings", [WIRINGS[:1], WIRINGS[:2], WIRINGS])
def test_it_has_one_round_in_every_block_and_stands_in_each_place_equally_often(wirings: tuple[Wiring, ...]) -> None:
    size = len(wirings) + 1
    found = kept(CompareSettings(wirings=wirings, rounds=2 * size))
    blocks = [found[begin : begin + size] for begin in range(0, len(found), size)]
    assert all(sorted(block) == sorted([*wirings, NAME]) for block in blocks)
    assert Counter(block.index(NAME) for block in blocks) == dict.fromkeys(range(size), 2)
    assert blocks[0][-1] == NAME, "in the order in which they are named it comes last"


def test_of_a_single_wiring_and_it_every_other_block_is_turned_round() -> None:
    found = kept(CompareSettings(wirings=("chain",), rounds=4))
    assert found == ["chain", NAME, NAME, "chain", "chain", NAME, NAME, "chain"]


def test_in_closed_loops_it_meets_the_wirings_at_every_number_of_customers() -> None:
    settings = CompareSettings(wirings=WIRINGS, scenarios=("saturation",), rounds=2, concurrencies=(1, 8))
    found = turns(settings, THEIRS)[-16:]
    for begin in range(0, 16, 4):
        block = found[begin : begin + 4]
        assert {who(one) for one in block} == {*WIRINGS, NAME}
        assert len({(one.number, one.concurrency) for one in block}) == 1


def test_what_is_more_than_load_it_does_not_get() -> None:
    settings = CompareSettings(scenarios=("healthy", "products-down", "products-slow"), rounds=3)
    assert left_out(settings.chosen()) == ["products-down", "products-slow"]
    theirs = Counter(one.scenario for one in turns(settings, THEIRS) if not isinstance(one, Planned) and one.number)
    assert theirs == {"healthy": 3}


def test_it_is_warmed_up_after_the_wirings_by_no_more_than_it_is_measured_by() -> None:
    asked = CompareSettings(rounds=2, scenarios=("products-down", "healthy"))
    found = [(who(one), one.scenario, one.concurrency) for one in turns(asked, THEIRS) if one.number == WARMING]
    assert found == [("events", "saturation", 32), ("chain", "saturation", 32), (NAME, "healthy", 0)]
    assert all(one.number != WARMING for one in turns(CompareSettings(rounds=1), THEIRS))
    nothing = CompareSettings(rounds=2, scenarios=("products-down",))
    assert all(isinstance(one, Planned) for one in turns(nothing, THEIRS)), "nor at all when it has no round"


def test_its_rounds_are_in_the_time_that_is_told_beforehand() -> None:
    settings = CompareSettings(rounds=2, seconds=20, warmup_seconds=3, warming_seconds=10)
    assert len(expected(settings, THEIRS)) == len(turns(settings, THEIRS))
    assert 2 * 23 + 13 < estimate(settings, THEIRS) - estimate(settings) < 2 * 30 + 20


def test_without_it_there_are_our_rounds_alone() -> None:
    assert all(isinstance(one, Planned) for one in turns(CompareSettings(rounds=2)))
