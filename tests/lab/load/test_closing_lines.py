"""siege's closing lines, out of the records."""

import pytest

from lab.load.closing_lines import closing_lines
from lab.load.records import NO_ANSWER, NOT_SENT, Record


def test_they_say_what_siege_would_have_said() -> None:
    records = [
        Record(0, 100.0, 0, 500, 201),
        Record(1, 100.5, 0, 1500, 201),
        Record(2, 102.0, 0, 250, 503),
        Record(3, 102.25, 0, 1500, NO_ANSWER),
        Record(4, 103.75, 0, 250, NOT_SENT),
    ]
    found = closing_lines(records)
    assert (found.transactions, found.failed, found.availability_percent) == (2, 3, 40.0)
    assert found.elapsed_seconds == 4.0
    assert found.transactions_per_second == 0.5
    assert found.concurrency == 1.0, "one user was never without a request"
    times = (found.shortest_seconds, found.response_seconds, found.longest_seconds)
    assert times == pytest.approx((0.25, 0.75, 1.5)), "only what was answered has a response time"


def test_nothing_at_all_is_no_figure() -> None:
    found = closing_lines([])
    assert (found.transactions, found.failed, found.elapsed_seconds) == (0, 0, 0.0)
    assert found.availability_percent is found.response_seconds is found.concurrency is None
