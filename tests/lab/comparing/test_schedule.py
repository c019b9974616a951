"""In which order rounds are run, which are warm-ups, and which must not be used."""

from collections import Counter
from itertools import pairwise

import pytest

from kit.settings import Wiring
from lab.comparing.faults import Hit
from lab.comparing.schedule import WARMING, Planned, expected_seconds, load_seconds, schedule, warm_ups
from lab.comparing.settings import CompareSettings
from lab.comparing.validity import outage, why_late, why_missed

EVERY: tuple[Wiring, ...] = ("events", "chain", "chain-retry", "tcc")


def planned(settings: CompareSettings) -> list[Planned]:
    return list(schedule(settings, settings.chosen()))


def test_every_scenario_has_as_many_rounds_of_every_wiring() -> None:
    settings = CompareSettings(wirings=EVERY, scenarios=("healthy", "saturation"), rounds=3, concurrencies=(1, 8))
    found = Counter((one.scenario, one.wiring, one.concurrency) for one in planned(settings))
    expected = [("healthy", wiring, 0) for wiring in EVERY]
    expected += [("saturation", wiring, users) for wiring in EVERY for users in (1, 8)]
    assert found == dict.fromkeys(expected, 3)


@pytest.mark.parametrize("wirings", [EVERY[:2], EVERY[:3], EVERY])
def test_every_wiring_goes_first_equally_often(wirings: tuple[Wiring, ...]) -> None:
    settings = CompareSettings(wirings=wirings, scenarios=("healthy", "products-slow", "hot-product"), rounds=4)
    first = Counter(one.wiring for one in planned(settings)[:: len(wirings)])
    assert first == dict.fromkeys(wirings, 12 // len(wirings))


@pytest.mark.parametrize("wirings", [EVERY[:2], EVERY[:3], EVERY])
@pytest.mark.parametrize("concurrencies", [(8,), (8, 32), (8, 32, 128, 256)])
def test_every_wiring_goes_first_equally_often_at_each_number_of_customers(
    wirings: tuple[Wiring, ...], concurrencies: tuple[int, ...]
) -> None:
    settings = CompareSettings(
        wirings=wirings, scenarios=("saturation",), rounds=2 * len(wirings), concurrencies=concurrencies
    )
    first = Counter((one.wiring, one.concurrency) for one in planned(settings)[:: len(wirings)])
    assert first == {(wiring, users): 2 for wiring in wirings for users in concurrencies}


@pytest.mark.parametrize("wirings", [EVERY[:3], EVERY])
def test_neighbours_are_of_different_wirings(wirings: tuple[Wiring, ...]) -> None:
    settings = CompareSettings(wirings=wirings, scenarios=("healthy", "products-slow"), rounds=5)
    assert all(one.wiring != following.wiring for one, following in pairwise(planned(settings)))


def test_two_wirings_are_turned_round_in_every_other_block() -> None:
    settings = CompareSettings(scenarios=("healthy",), rounds=3)
    assert [one.wiring for one in planned(settings)] == ["events", "chain", "chain", "events", "events", "chain"]


def test_every_wiring_is_warmed_up_when_rounds_are_compared_with_rounds() -> None:
    settings = CompareSettings(wirings=EVERY, scenarios=("products-down",), rounds=2, seconds=30, warming_seconds=7)
    assert [(one.wiring, one.number) for one in warm_ups(settings)] == [(wiring, WARMING) for wiring in EVERY]
    scenario = settings.chosen()["products-down"]
    assert load_seconds(warm_ups(settings)[0], scenario, settings) == 7
    assert load_seconds(planned(settings)[0], scenario, settings) == 30
    assert warm_ups(CompareSettings(rounds=1)) == []


def test_a_round_is_expected_to_take_longer_than_its_load() -> None:
    settings = CompareSettings(scenarios=("products-down",), seconds=5, warmup_seconds=2)
    scenario = settings.chosen()["products-down"]
    assert expected_seconds(planned(settings)[0], scenario, settings) > 2 + scenario.least_seconds


def hit(began_at: float, kind: str = "kill", target: str = "products", count: int | None = None) -> Hit:
    return Hit(kind, target, began_at, began_at + 10, count)


def test_a_fault_that_came_when_the_load_was_over_makes_the_round_invalid() -> None:
    assert why_missed([hit(99.9)], until=100, step="") is None
    assert why_missed([hit(101.5)], until=100, step="") == "products was hit 1.5 s after the last order was due"
    assert why_missed([], until=100, step="") is None


def test_a_fault_that_did_nothing_makes_the_round_invalid() -> None:
    assert why_missed([hit(50, "prices", count=3)], until=100, step="") is None
    assert why_missed([hit(50, "prices", count=0)], until=100, step="") == (
        "none of the changes of products was accepted"
    )
    assert why_missed([], until=100, step="tcc.told") == "orders never came to the step tcc.told"


def test_an_outage_is_a_service_that_was_really_away() -> None:
    assert outage([hit(50)]) == {"service": "products", "killed_at": 50, "ready_at": 60}
    assert outage([hit(50, "crash", "orders")]) == {"service": "orders", "killed_at": 50, "ready_at": 60}
    assert outage([hit(50, "hang"), hit(50, "kill", "kafka")]) is None


def test_a_load_that_begins_late_makes_the_round_invalid_for_its_faults_go_by_the_plan() -> None:
    assert why_late(planned=100, began=100.3, rate=50) is None
    assert why_late(planned=100, began=103, rate=50) == "the load generator began 3.0 s late"
    assert why_late(planned=100, began=103, rate=0) == "the load generator began 3.0 s late"
    assert why_late(planned=100, began=103, rate=2) is None, "the first of random arrivals may be due that late"
