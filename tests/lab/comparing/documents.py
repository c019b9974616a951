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


def whole() -> dict[str, Any]:
    """Two rounds of events and of the chain with every key that a document of today has."""
    found = several(2, 10, 40)
    found["conditions"] |= {"read_models": "the product copy", "pending_timeout_seconds": 600.0}
    found["conditions"]["machine"] |= {"memory_gib": 8.0, "load_before": [0.1, 0.2, 0.3]}
    found["conditions"]["settings"] |= {
        "wirings": ["events", "chain"],
        "scenarios": ["healthy"],
        "concurrencies": [32],
        "products": [1, 2],
        "quiet_deadline": 60.0,
    }
    for one in found["rounds"]:
        one["load"] |= {
            "seconds": 2.0,
            "began_at": 1e9,
            "measured_from": 1e9 + 1,
            "ended_at": 1e9 + 3,
            "all_latency": one["load"]["accept_latency"],
            "late": one["load"]["accept_latency"],
            "statuses": {"202": 100},
            "most_in_flight": 3,
            "cpu_seconds": 0.1,
            "histogram": "",
        }
        one["completion"] |= {"p95": None, "max": None}
        one["completion_histogram"] = ""
        one["cpu"] |= {"generator_seconds": 0.1, "wall_seconds": 9.0}
        one["audit"] |= {
            "clean": one["audit"]["findings"] == 0,
            "live": False,
            "counts": {"orders": 100},
            "waited_seconds": 1.0,
            "seconds": 0.1,
            "checks": [
                {"rule": "a", "looked_at": 2, "count": 1, "notice": False, "found": [{"id": "1", "wrong": "it is"}]}
            ],
        }
    return found
