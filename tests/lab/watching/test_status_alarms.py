"""What in a status is alarming, and what is not."""

import asyncio
from typing import Any

import pytest
from prometheus_client import generate_latest

from calls.breaker import Breaker, rules
from calls.errors import PeerUnavailable
from lab.watching.breakers import states_in
from lab.watching.status import alarms, is_well
from tests.calls.script import ASKED, AWAY, Script


def status(**changes: Any) -> dict[str, Any]:
    """A shop in which all is well, but for the changes."""
    found: dict[str, Any] = {
        "wiring": "events",
        "processes": [{"name": "orders", "state": "ready"}],
        "ready": {"orders": {}, "orders-1": {}, "product-copy": {}},
        "unreachable": {},
        "dead_letters": {"orders": 0},
        "outbox": {"orders": {"rows": 3, "oldest_seconds": 0.5}},
        "consumers": [{"consumer": "products", "lag": 40}],
        "product_copy": {"stale_seconds": 0.2},
        **changes,
    }
    return {**found, "alarms": alarms(found)}


def test_a_little_backlog_is_no_alarm() -> None:
    assert status()["alarms"] == []
    assert is_well(status())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outbox": {"orders": {"rows": 1, "oldest_seconds": 11.0}}}, "outbox of orders"),
        ({"consumers": [{"consumer": "products", "lag": 1001}]}, "products is 1,001 events behind"),
        ({"product_copy": {"stale_seconds": 12.0}}, "stale for 12 s"),
    ],
)
def test_what_waits_for_long_is(changes: dict[str, Any], said: str) -> None:
    found = status(**changes)
    assert said in found["alarms"][0]
    assert not is_well(found)


def test_a_replica_or_worker_that_is_not_ready_is_not_well() -> None:
    assert not is_well(status(ready={"orders": {}, "orders-1": {"database": "away"}}))
    assert not is_well(status(ready={"orders": {}, "product-copy": {"product copy": "has not reached the end"}}))


def test_a_chain_has_no_outbox_to_speak_of() -> None:
    assert status(wiring="chain", outbox={"orders": {"rows": 1, "oldest_seconds": 99.0}})["alarms"] == []


def test_a_circuit_that_is_not_closed_is_alarming() -> None:
    closed = {"orders": {"products": "closed", "delivery": "closed"}}
    assert status(wiring="chain-breaker", breakers=closed)["alarms"] == []
    found = status(wiring="chain-breaker", breakers=closed | {"delivery": {"products": "half_open"}})
    assert found["alarms"] == ["the circuit of delivery to products is half-open"]
    assert not is_well(found)


def test_the_state_of_a_circuit_is_read_from_the_metrics_of_its_service() -> None:
    breaker = Breaker(Script([AWAY]), "alarming", rules(window=1, calls=1, failure_rate=1, open_seconds=60))
    assert states_in(generate_latest().decode())["alarming"] == "closed"
    with pytest.raises(PeerUnavailable):
        asyncio.run(breaker.send(ASKED))
    assert states_in(generate_latest().decode())["alarming"] == "open"


def test_a_transaction_that_stays_open_is_alarming_and_one_under_way_is_not() -> None:
    under_way = {"open": {"trying": {"count": 3, "oldest_seconds": 0.1}}, "tries": {}, "heuristics": {"mixed": 1}}
    assert status(wiring="tcc", tcc=under_way)["alarms"] == []
    stuck = {"open": {"confirming": {"count": 2, "oldest_seconds": 40.0}}, "tries": {}, "heuristics": {}}
    (said,) = status(wiring="tcc", tcc=stuck)["alarms"]
    assert said == "2 TCC transactions are confirming, the oldest for 40 s: a participant does not answer"


@pytest.mark.parametrize(("age", "alarming"), [(1.0, False), (60.0, True)])
@pytest.mark.parametrize(("wiring", "kind"), [("2pc", "prepared"), ("3pc", "undecided")])
def test_a_transaction_that_waits_for_its_coordinator_for_long_is_alarming(
    wiring: str, kind: str, age: float, alarming: bool
) -> None:
    found = {"wiring": wiring, kind: {"products": [{"name": "shop-2pc-products-1", "age_seconds": age}]}}
    assert bool(alarms(found)) is alarming
