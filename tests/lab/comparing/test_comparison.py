"""A whole comparison in small: real services, real load, a real outage."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lab.backends import Addresses
from lab.comparing.comparison import compare_wirings
from lab.comparing.schema import Results, undocumented
from lab.comparing.settings import CompareSettings
from lab.running.shop import ground
from lab.supervision import Home

SMALL = CompareSettings(
    scenarios=("healthy", "products-down"), rate=20, seconds=4, warmup_seconds=0.5, rounds=1, fault_seconds=2
)


@pytest.mark.timeout(300)
async def test_events_lose_nothing_and_the_chain_loses_the_time_that_products_was_away(
    tmp_path: Path, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
    monkeypatch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
    said: list[str] = []
    async with ground(Home(tmp_path / "home"), said.append, print_line, print_line) as on:
        document = await compare_wirings(on, SMALL, said.append)
    rounds = {(one["scenario"], one["wiring"]): one for one in document["rounds"]}
    assert rounds.keys() == {(s, w) for s in ("healthy", "products-down") for w in ("events", "chain")}
    assert document["stopped"] is None
    assert document["scenarios"]["products-down"]["faults"][0]["seconds"] == 2
    for one in rounds.values():
        assert one["load"]["offered"] == 80
        assert sum(one["outcomes"].values()) == 80, "every order offered is in one column"
        assert one["cpu"]["per_settled_ms"] > 0
    for scenario in ("healthy", "products-down"):
        events = rounds[scenario, "events"]
        assert events["outcomes"] == {"confirmed": 80}, scenario
        assert events["audit"]["findings"] == 0, events["audit"]
    assert rounds["healthy", "chain"]["outcomes"] == {"confirmed": 80}
    assert rounds["products-down", "chain"]["outcomes"]["confirmed"] < 80
    for wiring in ("events", "chain"):
        one = rounds["products-down", wiring]
        assert one["outage"]["service"] == "products"
        assert one["invalid"] is None
        (fault,) = one["faults"]
        assert (fault["kind"], fault["target"]) == ("kill", "products")
        assert fault["began_at"] < fault["ended_at"] - 2
        assert fault["began_at"] < one["load"]["ended_at"], "a generator that starts late moves the load, not the fault"
        assert rounds["healthy", wiring]["faults"] == []
    assert list(undocumented(Results.model_validate(document))) == [], "describe these keys in lab/comparing/schema*.py"
    assert document["summary"]
    assert document["differences"]
    for one in rounds.values():
        series_adds_up(one)
        by_events = one["wiring"] == "events"
        assert (one["staleness"] is not None) == by_events
        assert any(rows is not None for rows in one["series"]["outbox"]) == by_events
        assert any(events is not None for events in one["series"]["lag"]) == by_events
    assert rounds["healthy", "events"]["staleness"]["changes"] > 0
    assert way(rounds["healthy", "chain"]["story"]) == CHAIN
    assert [step for step in EVENTS if step not in way(rounds["healthy", "events"]["story"])] == []
    assert way(rounds["healthy", "events"]["story"])[:2] == EVENTS[:2]
    assert rounds["healthy", "events"]["story"]["status"] == "confirmed"
    down = rounds["products-down", "chain"]
    assert down["outage"]["killed_at"] <= down["story"]["offered_at"] <= down["outage"]["ready_at"]
    assert [span["ok"] for span in down["story"]["spans"] if span["who"] == "products"] == [False]
    assert await left_behind(addresses) == []


CHAIN = [
    ("request", None, "orders"),
    ("call", "orders", "products"),
    ("transaction", None, "orders"),
    ("call", "orders", "delivery"),
    ("call", "delivery", "products"),
    ("transaction", None, "products"),
    ("transaction", None, "delivery"),
    ("transaction", None, "orders"),
]
EVENTS = [
    ("request", None, "orders"),
    ("transaction", None, "orders"),
    ("event", "orders", "products"),
    ("event", "orders", "delivery"),
    ("transaction", None, "products"),
    ("event", "products", "delivery"),
    ("transaction", None, "delivery"),
    ("event", "delivery", "orders"),
]


def way(story: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    return [(span["kind"], span["from"], span["who"]) for span in story["spans"]]


def series_adds_up(one: dict[str, Any]) -> None:
    series, load = one["series"], one["load"]
    settled = sum(count for end, count in one["outcomes"].items() if end not in ("unsettled", "refused", "unknown"))
    assert sum(series["offered"]) == load["offered"]
    assert sum(series["accepted"]) == load["accepted"]
    assert sum(series["settled"]) == settled
    assert {len(values) for values in series.values() if isinstance(values, list)} == {len(series["seconds"])}


async def left_behind(addresses: Addresses) -> list[Any]:
    admin = await asyncpg.connect(addresses.postgres)
    try:
        return [
            row["datname"] for row in await admin.fetch("SELECT datname FROM pg_database WHERE datname ~ '^shop_(r|t)'")
        ]
    finally:
        await admin.close()


def print_line(name: str, line: str) -> None:
    print(f"{name} | {line}")
