"""When a step of the search holds, and what is said when it does not."""

from datetime import UTC, datetime

import pytest

from lab.comparing.capacity.backlogs import Look, grown
from lab.comparing.capacity.showing import why_not_more
from lab.comparing.capacity.verdict import Timely, judge, timely
from lab.comparing.outcomes import Known
from lab.load.records import Record

BEGIN = 1_800_000_000.0


def known(after: float | None, status: str = "confirmed", kept: bool = True) -> Known:
    return Known(status, None if after is None else datetime.fromtimestamp(BEGIN + after, UTC), kept)


def test_only_what_was_confirmed_with_all_that_belongs_to_it_and_in_time_counts() -> None:
    records = [Record(index, BEGIN + (index - 1), 0, 5, 202) for index in range(8)]
    orders = {
        0: known(-0.5),  # of the warm-up
        1: known(1.9),
        2: known(1 + 2.1),
        3: known(2.5, kept=False),
        4: known(3.5, "rejected"),
        5: known(None, "pending"),
        6: known(5 + 2.0),
    }
    assert timely(records, orders, BEGIN) == Timely(offered=7, in_time=2, late=1)


@pytest.mark.parametrize(
    ("found", "backlogs", "invalid", "moving", "said"),
    [
        (Timely(1000, 990, 10), {}, None, {}, None),
        (Timely(1000, 989, 6), {}, None, {}, "98.9 % were confirmed within 2 s (6 later, 5 not at all)"),
        (Timely(0, 0, 0), {}, None, {}, "0.0 % were confirmed"),
        (Timely(9, 9, 0), {"orders outbox": (5, 80)}, None, {}, "orders outbox: grew from 5 to 80 events"),
        (Timely(9, 9, 0), {"product-copy behind": (0, 40)}, None, {}, "product-copy behind: grew from 0 to 40"),
        (Timely(9, 9, 0), None, None, {}, "backlogs could not be watched"),
        (Timely(9, 9, 0), {}, "it could not keep up", {}, "nothing can be said of its times: it could not keep up"),
        (Timely(9, 9, 0), {"orders outbox": (5, 80)}, "late", {}, "late; orders outbox: grew"),
        (Timely(9, 9, 0), {}, None, {"orders": "3 not settled"}, "did not come to rest: orders: 3 not settled"),
    ],
)
def test_a_step_holds_when_nothing_speaks_against_it(
    found: Timely,
    backlogs: dict[str, tuple[float, float]] | None,
    invalid: str | None,
    moving: dict[str, str],
    said: str | None,
) -> None:
    held, why = judge(found, backlogs, invalid, moving)
    assert held == (said is None)
    assert (said or "no backlog grew") in why


def looks(*waiting: float, of: str = "orders outbox") -> list[Look]:
    """Six seconds, two looks a second."""
    return [Look(BEGIN + index / 2, {of: round(value)}) for index, value in enumerate(waiting)]


def test_a_backlog_that_goes_up_all_the_time_has_grown() -> None:
    assert grown(looks(*(20 * n for n in range(12))), BEGIN, BEGIN + 6, rate=100) == {"orders outbox": (30, 190)}


def test_one_that_stands_or_swings_has_not() -> None:
    assert grown(looks(*[500] * 12), BEGIN, BEGIN + 6, rate=100) == {}
    assert grown(looks(*[0, 90] * 6), BEGIN, BEGIN + 6, rate=100) == {}
    assert grown(looks(*range(100, 220, 10)[::-1]), BEGIN, BEGIN + 6, rate=100) == {}


def test_what_counts_as_growing_goes_with_the_rate() -> None:
    slowly = looks(*(10 * n for n in range(12)))
    assert grown(slowly, BEGIN, BEGIN + 6, rate=100) == {"orders outbox": (15, 95)}
    assert grown(slowly, BEGIN, BEGIN + 6, rate=1000) == {}


def test_one_that_only_shows_up_later_has_grown_from_nothing() -> None:
    both = [*looks(0, 0, 0, 0), *looks(*[0] * 8, 90, 90, 90, 90, of="product-copy behind")[8:]]
    assert grown(both, BEGIN, BEGIN + 6, rate=10) == {"product-copy behind": (0, 90)}


def test_without_enough_looks_nothing_is_said() -> None:
    assert grown(looks(0, 0, 0, 0, 0, 0), BEGIN, BEGIN + 6, rate=10) is None
    assert grown([], BEGIN, BEGIN + 6, rate=10) is None


def step(rate: float, held: bool, why: str = "", again: bool = False) -> dict[str, object]:
    return {"rate": rate, "held": held, "why": why, "again": again}


def test_the_reason_is_that_of_the_next_higher_rate() -> None:
    steps = [
        step(100, True, "fine"),
        step(200, False, "worse"),
        step(150, False, "bad"),
        step(150, False, "bad again", True),
    ]
    assert why_not_more({"orders_per_second": 100, "steps": steps}) == "150/s: bad again"
    assert why_not_more({"orders_per_second": None, "steps": [step(1, False, "dead")]}) == "1/s: dead"
    assert why_not_more({"orders_per_second": 100, "steps": steps[:1]}) == "no higher rate was tried"


def test_of_a_search_that_was_stopped_it_says_how_far_it_came_and_claims_no_rate() -> None:
    entry = {"wiring": "chain", "orders_per_second": None, "ended": False, "steps": [step(50, True), step(100, False)]}
    assert why_not_more(entry) == "the search was not ended; 50/s had held so far"
    assert why_not_more(entry | {"steps": [step(50, False)]}) == "the search was not ended; nothing had held so far"
