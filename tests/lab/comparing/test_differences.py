"""Wirings held against each other, and the rows they come from, as the document has them."""

from typing import Any

from lab.comparing.differences import HEADLINES, HEADLINES_SATURATED, differences
from lab.comparing.summary import lines, summary
from tests.lab.comparing.documents import document, one_round, several


def rounds(count: int, *wirings: str, **other: Any) -> list[dict[str, Any]]:
    return [one_round(w, n, p50=10 + n + 30 * i, **other) for n in range(count) for i, w in enumerate(wirings)]


def test_every_wiring_is_held_against_the_first_in_the_headlines() -> None:
    found = differences(document(rounds(2, "events", "chain", "tcc")))
    assert [(one.first, one.second, one.figure) for one in found] == [
        ("events", other, name) for other in ("chain", "tcc") for name in HEADLINES
    ]
    assert {one.judgement.verdict for one in found if one.figure == "accept p50"} == {"apart"}


def test_the_first_wiring_is_the_first_in_every_scenario_whichever_ran_first_there() -> None:
    turns = (("healthy", "events"), ("healthy", "chain"), ("products-down", "chain"), ("products-down", "events"))
    found = document([one_round(wiring, 1, p50=10, scenario=scenario) for scenario, wiring in turns])
    assert {(one.first, one.second) for one in differences(found)} == {("events", "chain")}
    assert [(row.scenario, row.wiring) for row in lines(found)] == [
        (scenario, wiring) for scenario in ("healthy", "products-down") for wiring in ("events", "chain")
    ]


def test_closed_loops_are_compared_at_the_same_number_of_customers() -> None:
    found = differences(document(rounds(2, "events", "chain", scenario="saturation", concurrency=32)))
    assert [(one.concurrency, one.figure) for one in found] == [(32, name) for name in HEADLINES_SATURATED]


def test_a_wiring_alone_is_compared_with_nothing() -> None:
    assert differences(document(rounds(5, "events"))) == []


def test_neighbours_are_rounds_of_one_number_whatever_came_between() -> None:
    """In the document wirings take turns in going first; a round that may not be used leaves its neighbour alone."""
    found = rounds(10, "events", "chain")
    found.sort(key=lambda one: (one["round"], (one["wiring"] == "events") == bool(one["round"] % 2)))
    found[0]["load"]["invalid"] = "too late"
    found[3]["invalid"] = "the fault did not happen"
    (one,) = (one for one in differences(document(found)) if one.figure == "accept p50")
    assert one.judgement.pairs == 8
    assert (one.first, one.judgement.verdict) == (found[0]["wiring"], "differ")


def test_rounds_that_die_at_different_steps_are_not_compared() -> None:
    assert differences(document(rounds(9, "2pc", "3pc", scenario="coordinator-killed"))) == []


def test_a_difference_is_one_flat_entry() -> None:
    (entry,) = (one.as_dict() for one in differences(several(5, 10, 40)) if one.figure == "accept p50")
    assert list(entry) == [
        "scenario", "concurrency", "figure", "first", "second", "verdict", "ratio", "low", "high", "p", "pairs"
    ]  # fmt: skip
    assert entry["ratio"] == 42 / 12


def test_the_summary_has_an_entry_a_row_and_figure() -> None:
    found = summary(several(3, 10, 40))
    (entry,) = (one for one in found if (one["wiring"], one["figure"]) == ("chain", "accept p50"))
    assert entry == {
        "scenario": "healthy",
        "wiring": "chain",
        "concurrency": 0,
        "figure": "accept p50",
        "median": 41,
        "low": 40,
        "high": 42,
        "rounds": 3,
    }
    assert all(one["figure"] != "staleness p99" for one in found), "no round has it"
