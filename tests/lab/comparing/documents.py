"""Documents of comparisons, made up: as `shop compare` writes them, with figures chosen by the test."""

from typing import Any


def one_round(
    wiring: str, number: int, *, p50: float, confirmed: int = 100, invalid: str | None = None, **other: Any
) -> dict[str, Any]:
    latency = {"p50": p50, "p95": p50 * 2, "p99": p50 * 3, "max": p50 * 4}
    return {
        "scenario": "healthy",
        "wiring": wiring,
        "round": number,
        "concurrency": 0,
        "step": "",
        "outage": None,
        "load": {"offered": 100, "accepted": 100, "accept_latency": latency, "invalid": invalid},
        "outcomes": {"confirmed": confirmed, "refused": 100 - confirmed},
        "completion": {"p50": p50, "p99": p50},
        "settled": 100,
        "settled_per_second": 50.0,
        "cpu": {
            "per_settled_ms": 1.5,
            "seconds": {"kafka": 0.5},
            "kafka_counted": wiring == "events",
            "foreign_percent_of_machine": 7.0,
        },
        "audit": {"findings": 0 if wiring == "events" else 3, "checks": []},
    } | other


def document(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    conditions = {
        "command": "shop compare",
        "at": "2026-12-01T01:30:00Z",
        "machine": {"cpu": "a CPU", "cores": 2, "system": "Linux"},
        "versions": {"python": "3.11", "postgresql": "18"},
        "settings": {
            "rounds": 3,
            "seconds": 10.0,
            "warmup_seconds": 1.0,
            "rate": 50.0,
            "arrivals": "constant",
            "down_seconds": 10.0,
            "hold_transaction": False,
        },
        "commit": None,
        "overrides": {},
        "load": "open loop",
        "backends": {"kafka": "embedded", "postgres": "embedded"},
    }
    return {"conditions": conditions, "rounds": rounds}


def several(count: int, events: float, chain: float) -> dict[str, Any]:
    both = (("events", events), ("chain", chain))
    return document([one_round(w, n, p50=base + n) for n in range(count) for w, base in both])
