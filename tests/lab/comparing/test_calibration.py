"""How often a comparison is wrong, and how much it finds."""

import math
import random
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from lab.benchmarks.noise import SCHEMA, power_table, read
from lab.comparing.calibration import (
    COMPARISONS,
    PLANTED,
    RECOMMENDED_ROUNDS,
    ROUNDS,
    TIMES,
    WIRINGS,
    Round,
    calibrate,
    equal_wirings,
    most_expected,
    slowed,
)
from lab.comparing.differences import HEADLINES
from lab.comparing.pages import filled
from lab.comparing.statistics import claims_difference, judge
from tests.lab.comparing.documents import document

RECORDED = Path(__file__).with_name("recorded_rounds.json")
"""What `python -m lab.benchmarks.noise` wrote."""


def made_up(count: int, *, noise: float = 0.04, drift: float = 0.0) -> list[Round]:
    """Rounds whose figures stray independently; ``drift`` is how far a machine's speed strays from round to round."""
    draw = random.Random(count)
    speed = 0.0
    rounds: list[Round] = []
    for _ in range(count):
        speed += draw.gauss(0, drift)
        rounds.append({name: 10 * math.exp(speed + draw.gauss(0, noise)) for name in HEADLINES})
    return rounds


def recording(rounds: Sequence[Round]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "rounds": [
            {"wiring": wiring, "round": number, "invalid": None, "figures": one}
            for number, one in enumerate(rounds)
            for wiring in WIRINGS
        ],
    }


@pytest.mark.parametrize(("rounds", "attainable"), [(5, 2 / 252), (8, 2 / 256), (10, 6 / 1024)])
def test_equal_wirings_are_said_to_differ_as_often_as_counting_says(rounds: int, attainable: float) -> None:
    """Six independent figures: the share is known exactly, and what is found lies in its 99 % binomial interval, at
    both ends. So the level is held, and not by never saying anything."""
    level, comparisons, wrong = 1 - (1 - attainable) ** 6, 1000, 0
    for number in range(comparisons):
        draw = random.Random(1000 * rounds + number)
        for _ in HEADLINES:
            one, other = ([draw.lognormvariate(0, 0.1) for _ in range(rounds)] for _ in range(2))
            if claims_difference(one, other, tested=len(HEADLINES)):
                wrong += 1
                break
    least = comparisons - most_expected(comparisons, 1 - level)
    assert least <= wrong <= most_expected(comparisons, level), level


@pytest.mark.parametrize("rounds", [5, 8, 10])
def test_all_intervals_of_two_wirings_hold_the_truth_at_once_as_often_as_stated(rounds: int) -> None:
    draw, missed, comparisons = random.Random(rounds), 0, 200
    for _ in range(comparisons):
        held = True
        for _ in HEADLINES:
            one, other = ([draw.lognormvariate(0, 0.1) for _ in range(rounds)] for _ in range(2))
            found = judge(one, [1.2 * value for value in other], tested=len(HEADLINES))
            assert found.low is not None
            assert found.high is not None
            held = held and found.low <= 1.2 <= found.high
        missed += not held
    assert missed <= most_expected(comparisons)


def test_a_machine_that_drifts_makes_no_differences_and_hides_few() -> None:
    """Ten rounds on a machine whose speed strays by 15 % from round to round: pairs still find 20 % in most cases."""
    found = calibrate(recording(made_up(60, drift=0.15)), "chain", 10, COMPARISONS)
    assert found.false_positives <= most_expected(COMPARISONS)
    assert found.found_by_times >= 0.5 * COMPARISONS


def test_sides_are_neighbours_in_their_order_in_time_and_none_is_used_twice() -> None:
    rounds: list[Round] = [{"number": float(number)} for number in range(30)]
    starts = set()
    for one, other in equal_wirings(rounds, 10, 200):
        pairs = [sorted((a["number"] or 0.0, b["number"] or 0.0)) for a, b in zip(one, other, strict=True)]
        assert all(late - early == 1 for early, late in pairs)
        numbers = [number for pair in pairs for number in pair]
        assert numbers == sorted(set(numbers))
        starts.add(numbers[0])
    assert len(starts) > 5


def test_too_few_recorded_rounds_say_so() -> None:
    with pytest.raises(ValueError, match="10 rounds a side need 20 recorded rounds of a wiring, there are 19"):
        list(equal_wirings(made_up(19), 10, 1))


def test_a_round_that_may_not_be_used_is_in_no_comparison() -> None:
    found = recording(made_up(10))
    found["rounds"][0]["invalid"] = "too late"
    with pytest.raises(ValueError, match="there are 9"):
        calibrate(found, WIRINGS[0], 5, 1)


def test_the_slowdown_is_planted_in_times_and_cpu_alone() -> None:
    (one,) = slowed([dict.fromkeys(HEADLINES, 100.0)])
    assert [name for name in HEADLINES if one[name] == pytest.approx(120)] == list(PLANTED)
    assert one["confirmed %"] == 100


def test_what_is_found_by_cpu_alone_is_not_found_by_times() -> None:
    rounds = [{**one, **dict.fromkeys(TIMES)} for one in made_up(40)]
    found = calibrate(recording(rounds), "chain", 10, 50)
    assert found.found["CPU ms/order"] > 40
    assert found.found_by_times == 0


def test_the_binomial_interval_is_the_published_one() -> None:
    """Of 400 at 5 % one expects 20; 99 % of all draws lie within 10 and 32."""
    assert most_expected(400) == 32
    assert most_expected(200) == 19


def test_the_table_fits_80_columns_and_tells_where_rounds_are_missing() -> None:
    text = StringIO()
    Console(file=text, width=80).print(power_table(recording(made_up(16)), comparisons=20))
    assert all(len(line) <= 80 for line in text.getvalue().splitlines())
    assert "…" not in text.getvalue()
    assert text.getvalue().count("too few") == 2 * len(WIRINGS), "of ten and of twenty rounds"


def test_a_page_shows_what_a_recording_is_good_for(tmp_path: Path) -> None:
    found = recording(made_up(16)) | {"conditions": document([])["conditions"]}
    (tmp_path / "noise.json").write_bytes(orjson.dumps(found))
    page = filled("<!-- measured: noise.json noise -->\n<!-- /measured -->\n", tmp_path)
    assert "16 recorded rounds of each wiring: a CPU, 2 cores, 2026-12-01." in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| events", "| chain"))]
    assert [row[:2] for row in rows] == [[wiring, str(rounds)] for wiring in WIRINGS for rounds in ROUNDS]
    assert all(len(row) == 4 + len(PLANTED) for row in rows if "too few" not in row)


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("wiring", WIRINGS)
def test_recorded_rounds_of_one_wiring_are_said_to_differ_no_more_often_than_stated(wiring: str, rounds: int) -> None:
    found = calibrate(recorded_file(), wiring, rounds, COMPARISONS)
    assert found.comparisons == COMPARISONS
    assert found.false_positives <= most_expected(COMPARISONS)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_recommended_rounds_find_times_longer_by_a_fifth_in_four_of_five_comparisons(wiring: str) -> None:
    found = calibrate(recorded_file(), wiring, RECOMMENDED_ROUNDS, COMPARISONS)
    assert found.found_by_times >= 0.8 * COMPARISONS, found.found


def recorded_file() -> dict[str, Any]:
    if not RECORDED.exists():
        pytest.skip(f"no {RECORDED.name}: `python -m lab.benchmarks.noise --json {RECORDED.name}` records it")
    return read(RECORDED)
