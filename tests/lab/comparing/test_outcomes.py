"""Each order offered ends in exactly one column."""

from datetime import UTC, datetime

import pytest

from lab.comparing.outcomes import Known, known_orders, outcomes, settled_rate
from lab.load.records import NO_ANSWER, NOT_SENT, Record
from tests.lab.audit.planted import Shop

BEGIN = 1_000_000.0


def record(index: int, status: int, at: float = BEGIN + 10) -> Record:
    return Record(index, at, 0.1, 5.0, status)


def known(status: str, *, kept: bool = True, settled: float | None = BEGIN + 10.25) -> Known:
    return Known(status, None if settled is None else datetime.fromtimestamp(settled, UTC), kept)


@pytest.mark.parametrize(
    ("status", "order", "outcome"),
    [
        (202, known("confirmed"), "confirmed"),
        (201, known("confirmed", kept=False), "hollow"),
        (503, known("rejected"), "rejected"),
        (202, known("cancelled"), "cancelled"),
        (202, known("pending", settled=None), "unsettled"),
        (202, None, "lost"),
        (503, None, "refused"),
        (NOT_SENT, None, "refused"),
        (NO_ANSWER, None, "unknown"),
        (NO_ANSWER, known("confirmed"), "confirmed"),
    ],
)
def test_an_order_ends_in_one_column(status: int, order: Known | None, outcome: str) -> None:
    found = outcomes([record(0, status)], {} if order is None else {0: order}, BEGIN)
    assert found.counts == {outcome: 1}


def test_completion_counts_from_the_intended_time_and_only_accepted_orders() -> None:
    found = outcomes([record(0, 202), record(1, 503)], {0: known("confirmed"), 1: known("rejected")}, BEGIN)
    assert found.completion["max"] == pytest.approx(250, rel=0.01)
    assert found.settled == 2


def test_the_warm_up_is_not_counted_but_an_accepted_order_missing_in_it_is_found() -> None:
    found = outcomes([record(0, 202, BEGIN - 5), record(1, 202)], {1: known("confirmed")}, BEGIN)
    assert found.counts == {"confirmed": 1}
    assert found.missing.found == {"order 0": "answered 202, but in no database"}


def test_the_settled_rate_runs_until_the_last_order_is_settled() -> None:
    orders = {n: known("confirmed", settled=BEGIN + n / 100) for n in range(1, 201)}
    assert settled_rate(orders, BEGIN) == pytest.approx(100)
    assert settled_rate({}, BEGIN) is None


async def test_a_confirmed_order_is_kept_only_with_delivery_and_reservation(shop: Shop) -> None:
    whole = await shop.place("confirmed", "reserved", "started")
    hollow = await shop.place("confirmed", "reserved")
    for index, order in enumerate((whole, hollow)):
        await shop.run("orders", "UPDATE orders SET customer_id = $1 WHERE id = $2::uuid", f"run_1-{index}", order)
    await shop.run("orders", "UPDATE orders SET customer_id = 'run_11-7' WHERE id::text NOT IN ($1, $2)", whole, hollow)
    found = await known_orders(shop.databases, "run_1")
    assert {index: order.kept for index, order in found.items()} == {0: True, 1: False}
