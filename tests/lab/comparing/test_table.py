"""The table says what the rounds say, in words that claim no more."""

import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from lab.comparing.settings import CompareSettings
from lab.comparing.summary import lines
from lab.comparing.table import show
from lab.running.errors import ShopError
from lab.running.layout import WIRINGS
from orders_svc.placing.tcc.coordinator import POINTS as TCC
from orders_svc.three_phase import CRASH_POINTS as THREE_PHASE
from orders_svc.two_phase import CRASH_POINTS as TWO_PHASE
from tests.lab.comparing.documents import document, one_round, several


def printed(found: dict[str, Any]) -> str:
    text = StringIO()
    show(found, Console(file=text, width=80))
    return text.getvalue()


def test_it_fits_80_columns_and_shows_medians_findings_and_conditions() -> None:
    text = printed(several(3, 10, 40))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text, "nothing is cut off"
    assert "11.0" in text
    assert "10-12" in text
    assert "others used up to 7 % of the machine" in " ".join(text.split())
    assert "Kafka idled" in " ".join(text.split())


def test_long_names_of_wirings_and_their_broken_promises_fit_too() -> None:
    rounds = [one_round(wiring, n, p50=200 + n) for wiring in ("chain-retry", "chain-breaker") for n in range(3)]
    for one in rounds[3:]:
        one["audit"]["checks"] = [{"rule": "broken promises", "looked_at": 40, "count": 2}]
    text = printed(document(rounds))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text, "nothing is cut off"
    told = "healthy, chain-breaker: 120 orders accepted without an answer of delivery, 6 of them broken promises."
    assert told in " ".join(text.split())
    assert "chain-retry: " not in text


def test_eight_wirings_fit_whatever_their_figures() -> None:
    rounds = []
    for number in range(3):
        for place, wiring in enumerate(WIRINGS):
            one = one_round(wiring, number, p50=9.3 * 3.3**place * (1 + number), scenario="products-down", confirmed=7)
            one["cpu"]["per_settled_ms"] = 1100.0 + 500 * number
            one["audit"]["findings"] = 12_345 + number
            rounds.append(one)
            closed = one_round(wiring, number, p50=10, scenario="saturation", concurrency=2000)
            rounds.append(closed | {"settled_per_second": 9_000.0 + 9_000 * number})
    text = printed(document(rounds))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text, "nothing is cut off"
    assert "breaker" in text


def test_steps_fit_and_what_was_found_at_them_is_said() -> None:
    killed = {"service": "orders", "killed_at": 1.0, "ready_at": 3.0}
    rounds = [
        one_round(step.partition(".")[0], 1, p50=10, scenario="coordinator-killed", step=step, outage=killed)
        for step in (*TCC, *TWO_PHASE, *THREE_PHASE)
    ]
    rounds[3]["audit"] = {
        "findings": 2345,
        "checks": [{"rule": "accepted orders settle", "looked_at": 9999, "count": 2345, "notice": False}],
    }
    rounds[4]["outage"] = None
    rounds[5] |= {"invalid": "too late", "audit": rounds[3]["audit"]}
    text = printed(document(rounds))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text, "nothing is cut off"
    assert f"tcc, {TCC[3].partition('.')[2]}: accepted orders settle (2,345)." in " ".join(text.split())
    assert f"{TCC[4].partition('.')[2]}: not reached" in text
    assert f"{TCC[5].partition('.')[2]}: must not be used" in text
    assert f"{TCC[5].partition('.')[2]}: accepted" not in " ".join(text.split())
    assert "accept" not in text.partition("tcc, ")[0], "steps have no latencies in common"


def test_without_colours_the_table_says_the_same() -> None:
    plain, coloured = StringIO(), StringIO()
    show(several(5, 10, 40), Console(file=plain, width=80))
    show(several(5, 10, 40), Console(file=coloured, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[" in coloured.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured.getvalue()) == plain.getvalue()


def test_a_shop_of_others_is_a_row_without_what_it_cannot_give() -> None:
    rounds = [one_round(wiring, n, p50=10 + n) for n in range(5) for wiring in ("events", "java")]
    for one in rounds:
        if one["wiring"] == "java":
            one |= dict.fromkeys(("outcomes", "completion", "settled", "settled_per_second", "cpu", "audit"))
    text = " ".join(printed(document(rounds)).split())
    assert "java - 100.0 - - - - -" in text
    assert "java against events (5 rounds each): inside the noise: accept p50 1.00 times (" in text


def test_servers_of_others_are_not_accounted_for_and_it_says_so() -> None:
    found = several(2, 10, 40)
    found["conditions"]["backends"]["postgres"] = "external"
    assert "without postgres, which run elsewhere" in " ".join(printed(found).split())


def test_a_difference_inside_the_noise_is_called_that() -> None:
    text = printed(several(3, 10, 10.5))
    assert "inside the noise" in text
    assert "different:" not in text


def test_below_five_rounds_no_significance_is_claimed() -> None:
    text = " ".join(printed(several(3, 10, 40)).split())
    assert "no significance is claimed below 5" in text
    assert "rank-sum" not in text


def test_from_five_rounds_on_a_difference_may_be_significant() -> None:
    text = " ".join(printed(several(5, 10, 40)).split())
    assert "healthy, chain against events (5 rounds each): different: accept p50 3.50 times (2.86 to 4.40)," in text
    assert "an exact test (rank-sum) agrees" in text


def test_from_eight_rounds_on_neighbours_are_compared() -> None:
    text = " ".join(printed(several(8, 10, 11)).split())
    assert "chain against events (8 pairs of rounds): different: accept p50 1.08 times (1.06 to 1.10)" in text
    assert "signed-rank, pairs of neighbouring rounds" in text


def test_a_scenario_says_what_happens_in_it() -> None:
    found = several(2, 10, 40) | {"scenarios": {"healthy": {"title": "Healthy", "text": "Nothing is broken."}}}
    assert "Nothing is broken." in printed(found)


def test_where_significance_is_claimed_it_says_that_several_figures_were_tested() -> None:
    assert "hold for all tested figures of two wirings at once (Bonferroni)" in " ".join(
        printed(several(5, 10, 40)).split()
    )
    assert "multiplicity" not in printed(several(3, 10, 40))


def test_latencies_say_whose_they_are_where_not_all_orders_were_accepted() -> None:
    found = several(5, 10, 40)
    assert "of accepted orders alone" not in printed(found)
    for one in found["rounds"]:
        one["load"]["accepted"] = 38 if one["wiring"] == "chain" else 100
    text = " ".join(printed(found).split())
    whose = "latencies are of accepted orders alone: of all in events, of 38.0 % in chain"
    assert f"healthy: {whose}. Who was refused or rejected is in none of them" in text
    assert f"({whose})." in text, "where a difference is claimed, too"
    for one in found["rounds"]:
        one["load"]["accepted"] = 0 if one["wiring"] == "chain" else 100
    assert "of all in events, of 0 % in chain" in " ".join(printed(found).split()), (
        "nothing is not a tenth of a percent"
    )


def test_what_others_used_is_told_of_the_worst_round() -> None:
    found = several(3, 10, 40)
    found["rounds"][2]["cpu"] |= {"foreign_percent_of_machine": 31.0}
    assert "others used up to 31 % of the machine" in " ".join(printed(found).split())


def test_completion_under_an_outage_is_footnoted() -> None:
    found = several(2, 10, 40)
    assert "includes the outage" not in printed(found)
    for one in found["rounds"]:
        one["scenario"] = "products-down"
    text = " ".join(printed(found).split())
    assert "completion includes the outage of 10 s" in text
    assert "given up by its group" not in text
    found["conditions"]["settings"]["down_seconds"] = 3.0
    text = " ".join(printed(found).split())
    assert "completion includes the outage of 3 s" in text
    assert "given up by its group after 10 s" in text


def test_settings_that_are_not_the_defaults_are_told_under_the_table() -> None:
    found = several(2, 10, 40)
    assert "not the defaults" not in printed(found)
    found["conditions"]["overrides"] = {"SHOP_DATABASE_POOL": "3"}
    found["conditions"]["settings"]["hold_transaction"] = True
    text = " ".join(printed(found).split())
    assert "not the defaults: SHOP_DATABASE_POOL=3, SHOP_HOLD_TRANSACTION=true (chain)" in text


def test_one_round_each_says_nothing_about_noise() -> None:
    assert "One round each" in printed(several(1, 10, 40))


def test_an_invalid_round_is_told_and_left_out() -> None:
    found = document([one_round("events", 1, p50=10), one_round("events", 2, p50=999, invalid="could not keep up")])
    (line,) = lines(found)
    assert line.figures["accept p50"] is not None
    assert line.figures["accept p50"].high == 10
    told = "healthy, events: a round is left out: could not keep up."
    assert told in " ".join(printed(found).split())


def test_confirmed_is_a_share_of_what_was_offered() -> None:
    (line,) = lines(document([one_round("chain", 1, p50=1, confirmed=15)]))
    assert line.figures["confirmed %"] is not None
    assert line.figures["confirmed %"].median == 15
    assert line.figures["refused %"] is not None
    assert line.figures["refused %"].median == 85


@pytest.mark.parametrize(
    "fields",
    [
        {"wirings": ("pigeons",)},
        {"wirings": ()},
        {"scenarios": ("flood",)},
        {"rate": 0.0},
        {"rounds": 0},
        {"rate": float("nan")},
        {"rate": float("inf")},
        {"rate": 1e6},
        {"seconds": float("inf")},
        {"warmup_seconds": -1.0},
        {"warmup_seconds": float("nan")},
        {"fault_seconds": 0.0},
        {"arrivals": "burst"},
        {"concurrencies": ()},
        {"wirings": ("events",), "hold_transaction": True},
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ShopError):
        CompareSettings(**fields)
