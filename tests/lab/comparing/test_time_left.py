"""How long a comparison is said to take, before it begins and while it runs."""

import pytest

from lab.comparing.presets import FULL, QUICK, USUAL, estimate, settings_for
from lab.comparing.scenarios import NAMES
from lab.comparing.schedule import schedule
from lab.comparing.time_left import TimeLeft, in_words
from lab.comparing.turns import expected
from lab.running.errors import ShopError
from lab.running.layout import WIRINGS


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_goes_by_what_rounds_really_took() -> None:
    clock = Clock()
    left = TimeLeft([10, 20, 30, 40], clock)
    left.begins(0)
    assert (left.seconds(), left.share_done()) == (100, 0)
    clock.now += 4
    assert left.seconds() == 96
    clock.now += 11
    left.begins(1)
    assert left.seconds() == pytest.approx(1.5 * 90), "the first one took half as long again"
    clock.now += 30
    left.begins(2)
    assert left.seconds() == pytest.approx(1.5 * 70)
    clock.now += 1000
    assert left.seconds() == pytest.approx(1.5 * 40), "one that takes too long does not make time run backwards"
    left.begins(4)
    assert left.seconds() == 0
    assert left.share_done() == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (42, "40 s"), (58, "1 min"), (600, "10 min"), (5399, "1 h 30 min"), (12_345, "3 h 20 min")],
)
def test_it_is_told_as_exactly_as_an_estimate_may_sound(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_presets_take_about_as_long_as_they_say() -> None:
    assert estimate(QUICK) < 100
    assert 8 * 60 < estimate(USUAL) < 13 * 60
    assert estimate(FULL) > 3600
    assert len(expected(QUICK)) == 4, "no warm-up where rounds are not compared with rounds"
    assert len(expected(USUAL)) == 22


def test_everything_is_every_scenario_with_every_wiring() -> None:
    every = list(schedule(FULL, FULL.chosen()))
    assert {one.scenario for one in every} == set(NAMES)
    assert {one.wiring for one in every} == set(WIRINGS)


def test_what_is_asked_for_by_name_wins_over_the_preset() -> None:
    settings = settings_for(QUICK, {"rounds": 2, "seconds": None, "wirings": ("tcc",)})
    assert (settings.rounds, settings.seconds, settings.wirings) == (2, QUICK.seconds, ("tcc",))
    with pytest.raises(ShopError):
        settings_for(QUICK, {"rounds": 0})
