"""The headline is computed from the figures, and claims no more than the rounds carry."""

from typing import Any

from lab.report.headline import headline, points
from lab.report.page import report
from lab.report.reading import Comparison
from tests.lab.report.documents import document, one_round
from tests.lab.report.parsed import parsed, words


def told(found: dict[str, Any]) -> str:
    """Headline and what stands beside it."""
    said = headline(Comparison.of(found))
    return ". ".join([said.main, *said.beside])


def confirming(shares: dict[str, list[int]]) -> dict[str, Any]:
    """One scenario in which each wiring confirms so many of 1000 orders, a number a round."""
    rounds = []
    for wiring, counts in shares.items():
        for number, count in enumerate(counts, 1):
            one = one_round("healthy", wiring, number)
            one["load"]["offered"] = 1000
            one["outcomes"] = {"confirmed": count, "refused": 1000 - count}
            rounds.append(one)
    return document(tuple(shares), ("healthy",), rounds=0) | {"rounds": rounds}


def test_it_names_the_scenario_in_which_wirings_differ_most_with_its_figures() -> None:
    said = told(document(rounds=5))
    assert said.startswith("Products down for 10 s: events confirmed 100 % of the orders offered, chain 75")


def test_from_five_rounds_on_a_difference_may_be_significant() -> None:
    assert "is significant" in told(confirming({"events": [1000] * 5, "chain": [500, 501, 502, 503, 504]}))


def test_below_five_rounds_nothing_is_significant_whatever_the_document_says() -> None:
    found = confirming({"events": [1000] * 4, "chain": [500] * 4})
    row = {"scenario": "healthy", "concurrency": 0, "first": "events", "second": "chain", "p": 0.001}
    found["differences"] = [row | {"figure": "confirmed %", "verdict": "differ"}]
    said = told(found)
    assert "do not overlap; with 4 rounds each no significance is claimed" in said
    assert "is significant" not in report(found)
    assert "Fewer than 5 valid rounds" in " ".join(points(Comparison.of(found)))


def test_a_difference_inside_the_noise_makes_no_headline() -> None:
    said = told(confirming({"events": [1000, 990, 980], "chain": [985, 995, 975]}))
    assert said.startswith("In no scenario did the wirings differ in what they confirmed")
    assert "inside the noise" in said


def test_one_round_each_says_nothing_about_noise() -> None:
    assert "nothing tells yet whether the difference is noise" in told(document(rounds=1))


def test_invalid_rounds_do_not_count_for_a_claim() -> None:
    found = confirming({"events": [1000] * 5, "chain": [500] * 5})
    found["rounds"][0]["invalid"] = "the fault did not happen"
    assert "with 4 rounds each no significance is claimed" in told(found)
    assert "1 round must not be used and is left out of all figures." in points(Comparison.of(found))


def test_the_verdict_is_the_documents_own_where_it_has_one() -> None:
    found = confirming({"events": [1000] * 5, "chain": [500] * 5})
    row = {"scenario": "healthy", "concurrency": 0, "first": "events", "second": "chain"}
    found["differences"] = [row | {"figure": "confirmed %", "verdict": "noise"}]
    assert told(found).startswith("In no scenario")


def test_what_is_nearly_all_is_not_all() -> None:
    assert "events confirmed > 99.9 %" in told(confirming({"events": [99_999 / 100] * 3, "chain": [0, 0, 0]}))  # type: ignore[list-item]
    assert "chain 0 %" in told(confirming({"events": [1000] * 3, "chain": [0, 0, 0]}))


def test_of_many_wirings_the_ends_are_named() -> None:
    shares = {"events": [1000] * 3, "tcc": [1000] * 3, "chain": [400] * 3, "2pc": [300] * 3, "3pc": [200] * 3}
    said = told(confirming(shares))
    assert "from 100 % (events and tcc) down to 20 % (3pc)" in said
    assert "The ranges of events and each of chain, 2pc and 3pc do not overlap" in said
    assert "The difference between events and tcc is inside the noise" in said


def test_one_wiring_is_not_compared() -> None:
    assert "One wiring only" in told(document(("chain",)))


def test_a_search_for_capacities_alone_tells_them() -> None:
    found = document(rounds=0) | {"capacity": [{"wiring": "events", "orders_per_second": 519.0, "steps": []}]}
    assert told(found).startswith("Highest rate held, orders a second: events 519")


def test_without_a_valid_round_nothing_is_said() -> None:
    found = document(rounds=0)
    assert told(found) == "No valid round: nothing can be said"
    found["rounds"] = [one_round("healthy", "chain", 1, invalid="no fault")]
    assert told(found) == "No valid round: nothing can be said"


def test_a_stopped_run_says_so() -> None:
    found = document(rounds=1, stopped={"rounds_done": 4, "rounds_planned": 12})
    assert "The run was stopped; in this report are 4 of 12 rounds." in points(Comparison.of(found))


def test_a_run_that_gave_up_says_why() -> None:
    found = document(rounds=1, stopped={"rounds_done": 4, "rounds_planned": 12, "why": "orders was not ready\n  log"})
    said = points(Comparison.of(found))
    assert "The run was stopped; in this report are 4 of 12 rounds (orders was not ready log)." in said


def test_rounds_that_failed_are_counted_and_told_with_their_reason() -> None:
    failed = {"scenario": "healthy", "wiring": "chain", "round": 2, "concurrency": 0, "step": "", "why": "it died"}
    said = points(Comparison.of(document(rounds=1, failed=[failed])))
    assert "1 round failed and is in no figure: healthy, chain, round 2: it died." in said
    said = points(Comparison.of(document(rounds=1, failed=[failed] * 9)))
    (told,) = (one for one in said if one.startswith("9 rounds failed and are in no figure: healthy, chain"))
    assert told.count("it died") == 4, "the others are in the document"


def test_damage_is_counted_by_wiring() -> None:
    said = points(Comparison.of(document()))
    assert any(point.endswith("6 in chain, none in events.") for point in said)
    assert "The audit found nothing that does not add up, in any valid round." in points(
        Comparison.of(document(scenarios=("healthy",)))
    )


def test_the_headline_is_the_pages_title_and_first_heading() -> None:
    tree, said = parsed(report(document())), headline(Comparison.of(document())).main
    assert words(next(tree.every("h1"))) == f"{said}."
    assert words(next(tree.every("title"))) == said


def test_a_machine_that_was_not_the_runs_own_is_told_in_the_first_lines() -> None:
    found = document(rounds=1)
    assert "Others used" not in " ".join(points(Comparison.of(found)))
    found["rounds"][1]["cpu"]["foreign_percent_of_machine"] = 56.4
    assert "Others used up to 56 % of the machine meanwhile" in " ".join(points(Comparison.of(found)))


def test_what_was_not_audited_is_not_called_clean() -> None:
    found = document(("events", "external"), ("healthy",), rounds=1)
    found["rounds"][1] |= {"audit": None, "cpu": None}
    (said,) = (point for point in points(Comparison.of(found)) if "audit" in point.lower())
    assert "external" not in said
    found["rounds"] = found["rounds"][1:]
    assert "audit" not in " ".join(points(Comparison.of(found))).lower()


def test_rounds_that_are_not_alike_are_counted_and_not_compared() -> None:
    found = document(rounds=1)
    for one in found["rounds"]:
        one["scenario"] = "coordinator-killed"
    found["rounds"][0]["audit"] |= {"findings": 0}
    damaged = sum(bool(one["audit"]["findings"]) for one in found["rounds"])
    said = told(found)
    assert said.startswith(f"The coordinator dies: in {damaged} of 4 rounds something was left that does not add up")
    assert said.endswith("Such rounds are not alike, so they are counted and not compared.")


def test_where_others_are_alike_they_make_the_headline() -> None:
    found = document(("events", "chain"), ("healthy", "products-down"), rounds=1)
    for one in found["rounds"]:
        if one["scenario"] == "products-down":
            one |= {"scenario": "coordinator-killed", "step": "2pc.coordinator.decided"}
    assert told(found).startswith("Everything works: ")
