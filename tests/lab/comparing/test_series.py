"""A round second by second, on constructed records, orders and looks."""

from datetime import UTC, datetime

import pytest

from lab.comparing.outcomes import Known
from lab.comparing.sampling import Sample
from lab.comparing.series import series
from lab.load.records import NO_ANSWER, Record

BEGIN = 1_000_000.25


def record(index: int, at: float, latency_ms: float = 5.0, status: int = 202) -> Record:
    return Record(index, BEGIN + at, 0.1, latency_ms, status)


def settled(at: float | None) -> Known:
    return Known("confirmed", None if at is None else datetime.fromtimestamp(BEGIN + at, UTC), kept=True)


def test_an_order_is_offered_when_it_was_due_accepted_when_answered_and_settled_when_it_was() -> None:
    found = series([record(0, 0.9, latency_ms=1200)], {0: settled(3.5)}, BEGIN, [])
    assert found["seconds"] == [0, 1, 2, 3]
    assert found["offered"] == [1, 0, 0, 0]
    assert found["accepted"] == [0, 0, 1, 0]
    assert found["settled"] == [0, 0, 0, 1]


def test_the_sums_leave_the_warm_up_out_even_where_its_orders_end_later() -> None:
    records = [record(0, -0.5), record(1, 0.0), record(2, 1.5, status=503), record(3, 1.6, status=NO_ANSWER)]
    found = series(records, {0: settled(0.5), 1: settled(0.6), 3: settled(2.0)}, BEGIN, [])
    assert [sum(found[name]) for name in ("offered", "accepted", "settled")] == [3, 1, 2]


def test_a_stall_is_seen_in_the_second_in_which_its_customers_came() -> None:
    found = series([record(0, 0.1, 2000), record(1, 1.1, 1000), record(2, 2.2, 4)], {}, BEGIN, [])
    assert found["accept_p99_ms"] == pytest.approx([2000, 1000, 4], rel=0.01)


def test_a_second_without_an_accepted_order_has_no_latency() -> None:
    found = series([record(0, 0.1), record(1, 1.1, status=503), record(2, 2.1)], {}, BEGIN, [])
    assert found["accept_p99_ms"][1] is None
    assert found["accepted"] == [1, 0, 1]


def test_what_waits_is_none_where_nobody_answered_and_where_nobody_looked() -> None:
    looks = [Sample(BEGIN + 0.2, 4, 7), Sample(BEGIN + 1.2), Sample(BEGIN + 3.2, 0, 0)]
    found = series([record(second, second + 0.1) for second in range(4)], {}, BEGIN, looks)
    assert found["outbox"] == [4, None, None, 0]
    assert found["lag"] == [7, None, None, 0]


def test_the_series_goes_on_while_something_waits_and_no_longer() -> None:
    looks = [Sample(BEGIN + second, 0, 3 if second < 4 else 0) for second in range(9)]
    found = series([record(0, 0.1)], {0: settled(0.2)}, BEGIN, looks)
    assert found["seconds"] == [0, 1, 2, 3]
    assert len({len(found[name]) for name in ("offered", "accepted", "settled", "accept_p99_ms", "lag", "outbox")}) == 1


def test_a_circuit_has_its_state_in_each_second_and_none_while_its_process_was_away() -> None:
    looks = [
        Sample(BEGIN + 0.5, circuits={"orders->products": "closed", "delivery->products": "closed"}),
        Sample(BEGIN + 1.5, circuits={"orders->products": "open"}),
    ]
    found = series([record(0, 0.1), record(1, 2.1)], {}, BEGIN, looks)
    assert found["circuits"] == {
        "delivery->products": ["closed", None, None],
        "orders->products": ["closed", "open", None],
    }


def test_a_round_in_which_nothing_was_sent_has_empty_lists() -> None:
    found = series([], {}, 0.0, [Sample(BEGIN, 5, 5)])
    assert {len(found[name]) for name in ("seconds", "offered", "accepted", "settled", "lag", "outbox")} == {0}
