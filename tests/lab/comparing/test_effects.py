"""The table of effects is complete, and a round to which nothing was done shows none of them."""

import json
from typing import Any

import pytest

from lab.comparing.scenarios import NAMES, chosen
from lab.comparing.summary import Round
from tests.house.tree import ROOT
from tests.lab.comparing.effects import ALL_CONFIRMED, EFFECTS, FAULT, missing

RECORDED: list[dict[str, Any]] = json.loads((ROOT / "docs/measured/wirings.json").read_text())["rounds"]
WIRINGS = ("events", "chain")
UNTOUCHED = (ALL_CONFIRMED,)
CATALOGUE = [(number, number * 10_000) for number in range(1, 6)]


def test_every_scenario_that_comes_along_says_how_it_is_seen() -> None:
    assert EFFECTS.keys() == set(NAMES)
    assert all(effects[wiring] for effects in EFFECTS.values() for wiring in effects)


@pytest.mark.parametrize("scenario", sorted(set(NAMES) - {"healthy"}))
def test_a_fault_without_effect_is_noticed(scenario: str) -> None:
    """A round in which all went well does not pass for one with the fault, but where there is nothing to see."""
    effects = EFFECTS[scenario]
    assert any(seen != UNTOUCHED for seen in effects.values())
    for wiring, seen in effects.items():
        assert (missing(untouched(scenario, wiring)) == []) == (seen == UNTOUCHED), wiring


@pytest.mark.parametrize("scenario", ["healthy", "products-slow", "products-down"])
@pytest.mark.parametrize("wiring", WIRINGS)
def test_recorded_rounds_show_what_was_done_to_them(scenario: str, wiring: str) -> None:
    found = [one for one in RECORDED if (one["scenario"], one["wiring"]) == (scenario, wiring)]
    assert found
    assert [missing(one) for one in found] == [[]] * len(found)


def untouched(scenario: str, wiring: str) -> Round:
    """A recorded round in which nothing was done, under the scenario's name, with its faults as if they had hit."""
    one = next(one for one in RECORDED if (one["scenario"], one["wiring"]) == ("healthy", wiring))
    hit_at = one["load"]["measured_from"] + 4
    hits = [
        {"kind": fault.kind, "target": fault.target, "began_at": hit_at, "ended_at": hit_at + FAULT, "count": None}
        for fault in chosen([scenario])[scenario].faults
    ]
    return {**one, "scenario": scenario, "faults": hits, "ordered": CATALOGUE}
