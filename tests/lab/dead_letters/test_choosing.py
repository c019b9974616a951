"""Which dead letters are meant by an id, or by a condition."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from lab.dead_letters.choosing import Condition, ConditionError, NoSuchLetter, by_id, condition, fitting
from lab.dead_letters.deciding import absent
from lab.dead_letters.letters import Letter, short_ids
from lab.supervision import ProcessState, RunState
from lab.supervision.identity import ProcessIdentity
from lab.supervision.state import Phase


def letter(id: str, **changes: Any) -> Letter:
    facts: dict[str, Any] = {
        "service": "orders",
        "consumer": "orders",
        "topic": "shop-1f0c6a2b.deliveries",
        "partition": 0,
        "offset": 4,
        "key": b"some-order",
        "event_type": "shop.deliveries.DeliveryStarted.v1",
        "error": "UnknownOrder: it is not in this database",
        "attempts": 2,
        "died_at": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        "requeued_at": None,
        "discarded_at": None,
        "discarded_why": None,
    }
    return Letter(id=UUID(id), **facts | changes)


FIRST = letter("019aa000-0000-7000-8000-0000aaaa1111")
SECOND = letter("019aa000-0000-7000-8000-0000bbbb1111", key=None, event_type=None, error="Malformed: no ce_type header")
THIRD = letter("019bb000-0000-7000-8000-0000cccc2222", service="products", consumer="products")
ALL = [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("given", [str(FIRST.id), "aaaa1111", "AAAA1111", "019aa000-0000-7000-8000-0000a"])
def test_an_id_is_known_by_its_beginning_or_end_when_nobody_else_has_it(given: str) -> None:
    assert by_id(ALL, given) is FIRST


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("dddd", "there is no dead letter 'dddd'"),
        ("019aa000", "could be 2 dead letters"),
        ("1111", "give more of the id, or its end"),
        ("111", "at least 4 characters"),
        ("", "at least 4 characters"),
    ],
)
def test_an_id_that_is_nobodys_or_several_is_refused(given: str, said: str) -> None:
    with pytest.raises(NoSuchLetter, match=said):
        by_id(ALL, given)


def test_short_ids_are_ends_and_as_long_as_needed() -> None:
    assert short_ids(ALL) == {FIRST.id: "aaaa1111", SECOND.id: "bbbb1111", THIRD.id: "cccc2222"}
    twin = letter("019cc000-0000-7000-8000-0001aaaa1111")
    assert short_ids([FIRST, twin]) == {FIRST.id: "0aaaa1111", twin.id: "1aaaa1111"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service=products", [THIRD]),
        ("consumer=orders", [FIRST, SECOND]),
        ("topic=deliveries", ALL),
        ("topic=shop-1f0c6a2b.deliveries", ALL),
        ("topic=orders", []),
        ("type=DeliveryStarted", [FIRST, THIRD]),
        ("type=DeliveryStarted.v1", [FIRST, THIRD]),
        ("type=shop.deliveries.DeliveryStarted", [FIRST, THIRD]),
        ("type=shop.deliveries.DeliveryStarted.v1", [FIRST, THIRD]),
        ("type=DeliveryStarted.v2", []),
        ("type~started", [FIRST, THIRD]),
        ("key = some-order", [FIRST, THIRD]),
        ("error~CE_TYPE", [SECOND]),
        ("error=Malformed", []),
    ],
)
def test_conditions_choose(text: str, expected: list[Letter]) -> None:
    assert fitting(ALL, [condition(text)]) == expected


def test_all_conditions_must_fit() -> None:
    assert fitting(ALL, [condition("consumer=orders"), condition("error~no ce_type")]) == [SECOND]
    assert condition("error~a=b") == Condition("error", True, "a=b")


@pytest.mark.parametrize("text", ["colour=red", "service", "=orders", "service=", "error~ ", ""])
def test_a_condition_that_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        condition(text)


def process(name: str, phase: Phase) -> ProcessState:
    return ProcessState(name=name, phase=phase, pid=1, start="1", port=None, restarts=0, since=0.0)


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        ([process("products", Phase.READY)], "orders does not run"),
        ([process("orders-history", Phase.READY)], "orders does not run"),
        ([process("orders", Phase.BACKING_OFF)], "orders is backing off"),
        ([process("orders", Phase.DOWN), process("orders-1", Phase.READY)], None),
    ],
)
def test_it_is_said_whose_process_is_missing(processes: list[ProcessState], said: str | None) -> None:
    run = RunState(ProcessIdentity(1, "1"), 0.0, tuple(processes))
    assert absent(FIRST, run) == said
    assert absent(FIRST, None) == "orders does not run"
