"""What pages say was measured is what the measured files say."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.benchmarks.tables import ROOT, stale
from lab.comparing.pages import filled
from lab.running.errors import ShopError
from tests.lab.comparing.documents import document, one_round, several


def test_every_page_is_what_the_measured_files_say() -> None:
    differ = [str(page.relative_to(ROOT)) for page in stale()]
    assert differ == [], "`python -m lab.benchmarks.tables` writes these files anew"


def body(folder: Path, found: dict[str, Any], what: str) -> list[str]:
    """The lines of a block, after it was written twice: the second time changes nothing."""
    (folder / "some.json").write_bytes(orjson.dumps(found))
    page = filled(f"before\n<!-- measured: some.json {what} -->\nold\n<!-- /measured -->\nafter\n", folder)
    assert filled(page, folder) == page
    lines = page.splitlines()
    assert (lines[0], lines[1], lines[-2], lines[-1]) == (
        "before",
        f"<!-- measured: some.json {what} -->",
        "<!-- /measured -->",
        "after",
    )
    return lines[2:-2]


def test_a_row_a_scenario_and_wiring_with_medians_and_ranges(tmp_path: Path) -> None:
    head, marks, events, chain = body(tmp_path, several(3, 10, 400), "wirings")
    assert head.count("|") == marks.count("|") == events.count("|")
    assert events == (
        "| events | 100 | 0 | 0 | 11 (10 to 12) | 33 (30 to 36) | 11 (10 to 12) | 11 (10 to 12) | 1.5 | 0 |"
    )
    assert "| 1,203 (1,200 to 1,206) |" in chain
    assert chain.endswith("| 3 |")


def test_almost_all_is_not_written_as_all_nor_almost_nothing_as_nothing(tmp_path: Path) -> None:
    one = one_round("events", 1, p50=10)
    one["load"]["offered"] = 100_000
    one["outcomes"] = {"confirmed": 99_999, "refused": 1}
    assert "| 99.9 | 0 | 0.1 |" in body(tmp_path, document([one]), "wirings")[2]


def test_what_may_be_said_of_the_rounds_stands_in_a_list(tmp_path: Path) -> None:
    few = body(tmp_path, several(3, 10, 400), "differences")
    assert few[0].startswith("- healthy, chain against events (3 rounds each): ranges apart: accept p50 ")
    assert few[-1].endswith("no significance is claimed below 5 rounds.")
    enough = "\n".join(body(tmp_path, several(5, 10, 400), "differences"))
    assert "(5 rounds each): different: accept p50 " in enough
    assert "rank-sum" in enough


def test_closed_loops_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    rounds = [one_round("chain", 1, p50=10), one_round("chain", 1, p50=10, concurrency=128, scenario="saturation")]
    found = document(rounds)
    assert body(tmp_path, found, "saturation")[2:] == ["| chain | 128 | 50 | 100 | 1.5 | 3 |"]
    assert len(body(tmp_path, found, "wirings")) == 3


def test_a_row_a_step_at_which_a_coordinator_was_killed(tmp_path: Path) -> None:
    killed = {"service": "orders", "killed_at": 1.0, "ready_at": 3.0}
    at = {"scenario": "coordinator-killed", "step": "2pc.coordinator.decided"}
    rounds = [
        one_round("2pc", number, p50=10, confirmed=90 + number, outage=killed if number > 1 else None, **at)
        for number in (1, 2, 3)
    ]
    rounds[1]["outcomes"] = {"confirmed": 80, "rejected": 15, "unknown": 4, "unsettled": 1}
    rounds[1]["audit"]["checks"] = [{"rule": "no transaction left prepared", "count": 3, "notice": False}]
    row = (
        "| 2pc | `decided` (reached in 2 of 3 rounds) | 2.0 | 100 | 91 (80 to 93) | 0 (0 to 15) | 7 (0 to 9) "
        "| 0 (0 to 5) | 3 | no transaction left prepared |"
    )
    assert body(tmp_path, document(rounds), "coordinator-killed")[2:] == [row]


def test_a_step_whose_round_must_not_be_used_has_no_figures(tmp_path: Path) -> None:
    outage: Any = {"service": "orders", "killed_at": 1.0, "ready_at": 3.5}
    at: dict[str, Any] = {"scenario": "coordinator-killed", "outage": outage}
    rounds = [
        one_round("2pc", 1, p50=10, confirmed=90, step="2pc.coordinator.begun", invalid="too late", **at),
        one_round("2pc", 1, p50=10, confirmed=80, step="2pc.coordinator.voted", invalid="too late", **at),
        one_round("2pc", 2, p50=10, confirmed=70, step="2pc.coordinator.voted", **at),
    ]
    assert body(tmp_path, document(rounds), "coordinator-killed")[2:] == [
        "| 2pc | `begun` (no round to be used) | - | - | - | - | - | - | - | - |",
        "| 2pc | `voted` | 2.5 | 100 | 70 | 0 | 30 | 0 | 3 | nothing |",
    ]


def test_a_row_a_wiring_whose_capacity_was_searched(tmp_path: Path) -> None:
    def step(rate: float, held: bool, why: str) -> dict[str, Any]:
        return {"rate": rate, "held": held, "why": why, "again": False}

    found = document([]) | {
        "capacity": [
            {
                "wiring": "events",
                "orders_per_second": 400.0,
                "steps": [step(400, True, "held"), step(440, False, "the outbox grew")],
            },
            {"wiring": "chain", "orders_per_second": None, "steps": [step(10, False, "97 % in time")]},
        ]
    }
    assert body(tmp_path, found, "capacity")[2:] == [
        "| events | 400 | 440/s: the outbox grew |",
        "| chain | - | 10/s: 97 % in time |",
    ]


def test_conditions_name_command_machine_and_the_rounds_left_out(tmp_path: Path) -> None:
    rounds = [one_round("events", 1, p50=10), one_round("events", 2, p50=10, invalid="too late")]
    text = "\n".join(body(tmp_path, document(rounds), "conditions"))
    assert text.startswith("`shop compare`\n\nLatencies in ms. Measured on 2026-12-01: a CPU, 2 cores, Linux")
    assert "healthy, events: a round is left out: too late." in text


def test_a_block_may_choose_and_order_scenarios_and_wirings(tmp_path: Path) -> None:
    rounds = [
        one_round(wiring, 1, p50=10, scenario=scenario)
        for scenario in ("healthy", "products-down", "products-slow")
        for wiring in ("events", "chain", "tcc")
    ]
    rows = body(tmp_path, document(rounds), "wirings scenario=products-slow,healthy wiring=tcc,events")[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| products-slow", "tcc"],
        ["| products-slow", "events"],
        ["| healthy", "tcc"],
        ["| healthy", "events"],
    ]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("wirings", "names a file and a table"),
        ("other.json wirings", "there is no other.json"),
        ("some.json weather", "there is no table 'weather'"),
        ("some.json wirings colour=red", "chooses by"),
        ("some.json wirings wiring=pigeons", "no round has the wiring pigeons"),
    ],
)
def test_a_block_that_cannot_be_written_says_why(tmp_path: Path, what: str, says: str) -> None:
    (tmp_path / "some.json").write_bytes(orjson.dumps(several(1, 1, 1)))
    with pytest.raises(ShopError, match=says):
        filled(f"<!-- measured: {what} -->\n<!-- /measured -->\n", tmp_path)


def test_a_block_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="not closed"):
        filled("<!-- measured: some.json wirings -->\nold\n", tmp_path)
