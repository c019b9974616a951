"""The page stands alone, can be used by everybody, and says what the document says."""

import copy
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.report.page import report, write_report
from lab.running.errors import ShopError
from tests.lab.report.documents import capacities, document, old_format, one_round
from tests.lab.report.parsed import Element, parsed, words

FOUR = ("events", "chain", "chain-breaker", "2pc")


def _without_answers() -> dict[str, Any]:
    """Zero confirmed: every order refused, so no latency, no CPU for each order, no series of accepted ones."""
    found = document()
    for one in found["rounds"]:
        nothing = {"p50": None, "p95": None, "p99": None, "max": None}
        one["load"] |= {"accepted": 0, "accept_latency": nothing, "histogram": ""}
        one |= {"outcomes": {"refused": 2000}, "completion": nothing, "completion_histogram": "", "settled": 0}
        one |= {"settled_per_second": None, "story": None, "staleness": None}
        one["cpu"]["per_settled_ms"] = None
    return found


def _with_invalid() -> dict[str, Any]:
    found = document()
    found["rounds"][0]["invalid"] = "the fault did not happen"
    found["rounds"][1]["load"]["invalid"] = "the generator could not keep up"
    return found


def _bare() -> dict[str, Any]:
    return {"conditions": {}, "rounds": [{"scenario": "healthy", "wiring": "events"}]}


def _saturated() -> dict[str, Any]:
    found = old_format(document(("events", "chain"), ("healthy",)))
    for one in found["rounds"]:
        one |= {"scenario": "saturation", "concurrency": 128}
    return found


def _with_external() -> dict[str, Any]:
    """A shop of others: nobody sees its databases, its processes or how its orders ended."""
    found = document(("events", "external"))
    for one in found["rounds"]:
        if one["wiring"] == "external":
            one |= dict.fromkeys(
                ("completion", "completion_histogram", "settled", "settled_per_second", "cpu", "audit")
            )
            one |= {"outcomes": {"accepted": 2000}, "staleness": None, "series": None, "story": None, "faults": []}
    return found


def _with_coordinators_killed() -> dict[str, Any]:
    found = document(("events", "2pc"), ("healthy",))
    for step, one in zip(("decided", "voted", "voted-once"), found["rounds"][1::2], strict=True):
        outage = {"service": "orders", "killed_at": 5.0, "ready_at": 7.5}
        one |= {"scenario": "coordinator-killed", "step": f"2pc.coordinator.{step}", "outage": outage}
    found["rounds"][3]["invalid"] = "the generator could not keep up"
    found["rounds"][5]["outage"] = None
    return found


DOCUMENTS: dict[str, dict[str, Any]] = {
    "whole": document(FOUR, capacity=capacities()),
    "five rounds": document(rounds=5),
    "old format": old_format(document(FOUR)),
    "stopped": document(("events", "chain"), ("healthy",), 1, stopped={"rounds_done": 2, "rounds_planned": 12}),
    "invalid rounds": _with_invalid(),
    "no valid round": document(rounds=0) | {"rounds": [one_round("healthy", "chain", 1, invalid="no fault")]},
    "no round": document(rounds=0, stopped={"rounds_done": 0, "rounds_planned": 12}),
    "one wiring": document(("chain",)),
    "a wiring of others": _with_external(),
    "zero confirmed": _without_answers(),
    "saturation": _saturated(),
    "coordinators killed": _with_coordinators_killed(),
    "hardly anything": _bare(),
}


@pytest.fixture(params=DOCUMENTS, scope="module")
def page(request: pytest.FixtureRequest) -> Element:
    return parsed(report(DOCUMENTS[request.param]))


def test_it_needs_no_network_and_no_script(page: Element) -> None:
    assert list(page.every("script", "link", "iframe", "object", "embed", "img", "form", "base")) == []
    for element in page.every():
        assert [name for name in element.attributes if name.startswith("on")] == []
        for name, value in element.attributes.items():
            assert name == "xmlns" or not re.search(r"https?:|javascript:|data:|//", value or ""), (name, value)
    (style,) = page.every("style")
    assert not re.search(r"@import|url\(|https?:", style.text)
    policy = [meta.attributes for meta in page.every("meta") if "http-equiv" in meta.attributes]
    assert "default-src 'none'" in (policy[0]["content"] or "")


def test_every_id_is_there_once_and_every_reference_has_one(page: Element) -> None:
    ids = [element.id for element in page.every() if element.id is not None]
    assert len(ids) == len(set(ids))
    wanted = [(a.attributes.get("href") or "").removeprefix("#") for a in page.every("a")]
    for element in page.every():
        for name in ("aria-labelledby", "aria-describedby"):
            wanted += (element.attributes.get(name) or "").split()
    assert [name for name in wanted if name not in ids] == []


def test_it_has_landmarks_one_title_and_headings_without_gaps(page: Element) -> None:
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        found = [one for one in page.every(landmark) if one.name != "title" or "id" not in one.attributes]
        assert len(found) == 1, landmark
    levels = [int(one.name[1]) for one in page.every("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert next(page.every("html")).attributes["lang"] == "en"
    first_link = next(page.every("a"))
    assert first_link.attributes["href"] == "#main", "the first stop of the keyboard skips what comes before"


def test_every_table_has_a_caption_and_says_what_its_headings_head(page: Element) -> None:
    for table in page.every("table"):
        assert len(list(table.every("caption"))) == 1
        assert all(cell.attributes.get("scope") in ("col", "row") for cell in table.every("th"))
        widths = {sum(1 for _ in row.every("td", "th")) for row in table.every("tr")}
        assert len(widths) == 1, "all rows have all columns"
    for box in page.every("div", "pre"):
        if box.name == "pre" or box.attributes.get("class") == "wide":
            assert box.attributes["tabindex"] == "0", "what scrolls can be scrolled by keyboard"
            assert box.attributes["aria-label"]


def test_every_picture_is_named_and_described_in_figures(page: Element) -> None:
    for picture in page.every("svg"):
        assert picture.attributes["role"] == "img"
        title, description = next(picture.every("title")), next(picture.every("desc"))
        assert picture.attributes["aria-labelledby"] == f"{title.id} {description.id}"
        assert words(title)
        assert re.search(r"\d|no figure", words(description))


def test_nothing_is_drawn_outside_a_picture_or_at_no_place(page: Element) -> None:
    for picture in page.every("svg"):
        _, _, width, height = map(float, (picture.attributes["viewbox"] or "").split())
        for element in picture.every():
            for name, value in element.attributes.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value or "nan") <= width, (element.name, name, value)
                elif name in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(value or "nan") <= height, (element.name, name, value)
                elif name == "d":
                    assert "nan" not in (value or "")
                    assert "inf" not in (value or "")


def test_a_table_has_the_medians_their_ranges_and_the_pending_time_out() -> None:
    found = document()
    table = next(t for t in _tables(found) if "Products down for 10 s: what became" in words(t))
    chain = next(row for row in table.every("tr") if words(row).startswith("chain"))
    shares = sorted(100 * one["outcomes"]["confirmed"] / 2000 for one in _rounds(found, "products-down", "chain"))
    confirmed = words(next(chain.every("td")))
    assert confirmed.startswith(f"{shares[1]:.1f}".removesuffix(".0"))
    assert "pending time-out 600 s" in words(next(table.every("caption")))


def test_the_time_out_and_other_overrides_are_told_as_they_were() -> None:
    found = document()
    found["conditions"]["overrides"] = {"SHOP_PENDING_TIMEOUT_SECONDS": "30"}
    page = words(parsed(report(found)))
    assert "pending time-out 30 s" in page
    assert "SHOP_PENDING_TIMEOUT_SECONDS=30" in page


def test_what_the_document_concluded_is_not_computed_anew() -> None:
    row = {"scenario": "healthy", "wiring": "chain", "concurrency": 0, "figure": "accept p50"}
    found = document(summary=[row | {"median": 4321.0, "low": 4300.0, "high": 4400.0, "rounds": 3}])
    assert "4,321 4,300 to 4,400" in " ".join(words(cell) for cell in parsed(report(found)).every("td"))


def test_the_audits_findings_are_listed_with_their_ids_apart_from_notices() -> None:
    (section,) = (one for one in parsed(report(document())).every("section") if one.id == "findings")
    findings, _, notices = words(section).partition("Notices")
    assert "products-down, chain: no rejected order holds stock: 6, in 3 of 3 rounds" in findings
    assert "Round 2: 2 of 2,000" in findings
    assert "0193f0c2-0002-7000-8000-000000000001: holds stock" in findings
    assert "0193f0c2-9999: paid 100, was 120" in notices


def test_conditions_name_machine_versions_command_commit_and_what_others_used() -> None:
    (section,) = (one for one in parsed(report(document())).every("section") if one.id == "conditions")
    told = words(section)
    for part in ("A processor", "postgresql 18.6", "shop compare --wirings events,chain", "0123456789abcdef"):
        assert part in told
    assert "3 to 5 % of the machine" in told
    assert "idle, used up to 4.0 s of CPU" in told


def test_a_figure_for_which_there_is_nothing_is_a_dash() -> None:
    cells = [words(cell) for cell in parsed(report(DOCUMENTS["zero confirmed"])).every("td")]
    assert "-" in cells
    assert not [cell for cell in cells if re.search("nan|None|inf", cell)]


def test_invalid_rounds_are_listed_with_their_reason_and_are_in_no_figure() -> None:
    page = parsed(report(_with_invalid()))
    assert "must not be used: the fault did not happen" in words(page)
    table = next(table for table in page.every("table") if "what became" in words(table))
    row = next(row for row in table.every("tr") if words(row).startswith("events"))
    assert words(list(row.every("td"))[-1]) == "2", "rounds of three"


def test_rounds_in_which_a_coordinator_died_somewhere_else_each_are_counted_and_nothing_more() -> None:
    page = parsed(report(_with_coordinators_killed()))
    (section,) = (one for one in page.every("section") if one.id == "scenario-2")
    (table,) = section.every("table")
    shown = [[words(cell) for cell in row.every("th", "td")] for row in table.every("tr")]
    assert shown[0][:3] == ["killed at", "away, s", "offered"]
    assert [(row[0], row[1], row[-1]) for row in shown[1:]] == [
        ("2pc: decided", "2.50", "valid"),
        ("2pc: voted", "2.50", "must not be used: the generator could not keep up"),
        ("2pc: voted-once", "-", "not reached: nobody was killed"),
    ]
    assert "edians of the rounds" not in section.text
    assert "latency" not in section.text.partition("What happened to one order")[0].lower()


def test_latencies_say_whose_they_are_where_not_all_orders_were_accepted() -> None:
    found = document(("events", "chain"), ("healthy", "products-down"))
    for one in found["rounds"]:
        share = 0.4 if one["scenario"] == "products-down" and one["wiring"] == "chain" else 1
        one["load"]["accepted"] = round(one["load"]["offered"] * share)
    page = parsed(report(found))
    healthy, down = (next(one for one in page.every("section") if one.id == f"scenario-{n}") for n in (1, 2))
    said = "Latencies are of accepted orders alone: of all in events, of 40.0 % in chain."
    assert said in down.text
    assert "accepted orders alone" not in healthy.text


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    path = write_report(document(rounds=1), tmp_path / "made" / "here")
    assert path == tmp_path / "made" / "here" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "no comparison"),
        ({"rounds": 3}, "no comparison"),
        ({"rounds": [], "schema": "shop-compare/9"}, "shop-compare/9"),
        ({"rounds": [{"wiring": "events"}]}, "round 1 names no scenario"),
    ],
)
def test_what_is_no_comparison_is_refused(wrong: object, said: str) -> None:
    with pytest.raises(ShopError, match=said):
        report(wrong)


def test_a_document_is_only_read() -> None:
    found = document()
    before = copy.deepcopy(found)
    report(found)
    assert found == before


def _tables(found: dict[str, Any]) -> list[Element]:
    return list(parsed(report(found)).every("table"))


def _rounds(found: dict[str, Any], scenario: str, wiring: str) -> list[dict[str, Any]]:
    return [one for one in found["rounds"] if (one["scenario"], one["wiring"]) == (scenario, wiring)]
