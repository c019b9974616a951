"""What one call passes on to the next is read from the incoming request, if it can be read."""

from time import monotonic

import pytest
from starlette.datastructures import Headers

from calls.caller import Caller

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


def test_the_time_left_becomes_a_deadline() -> None:
    before = monotonic()
    deadline = Caller.of(Headers({"X-Deadline-Ms": "1500"})).deadline
    assert deadline is not None
    assert before + 1.5 <= deadline <= monotonic() + 1.5


def test_a_deadline_that_has_passed_is_one() -> None:
    deadline = Caller.of(Headers({"x-deadline-ms": "0"})).deadline
    assert deadline is not None
    assert deadline <= monotonic()


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "1e3", "٣", "9" * 10, " 5"])
def test_an_unreadable_deadline_is_none(value: str) -> None:
    headers = Headers(raw=[(b"x-deadline-ms", value.encode("utf-8"))])
    assert Caller.of(headers).deadline is None


def test_the_trace_is_kept() -> None:
    assert Caller.of(Headers({"Traceparent": TRACE})).traceparent == TRACE


@pytest.mark.parametrize("value", ["", "nonsense", TRACE.upper(), TRACE + "-x", f"00-{'0' * 32}-{'b2' * 8}-01"])
def test_a_broken_trace_is_none(value: str) -> None:
    assert Caller.of(Headers({"traceparent": value})).traceparent is None


def test_nothing_given_is_nothing_known() -> None:
    assert Caller.of(Headers({})) == Caller(deadline=None, traceparent=None)
