"""Documents of comparisons, made up by the contract of results.json. Figures follow from a seed, so that each document
is the same every time."""

import copy
from collections.abc import Sequence
from random import Random
from typing import Any

from lab.load.histogram import encoded, histogram, percentiles

BEGIN = 1_700_000_000.0
SECONDS = 40
RATE = 50
DOWN = (8.0, 18.2)
HIT_BY_FAULT = {"chain": 0.0, "chain-retry": 0.1, "chain-breaker": 0.25, "tcc": 0.0, "2pc": 0.0}
"""Share of the orders of a fault's time that such a wiring still confirms; events confirm all of them."""


def document(
    wirings: Sequence[str] = ("events", "chain"),
    scenarios: Sequence[str] = ("healthy", "products-down"),
    rounds: int = 3,
    **keys: Any,
) -> dict[str, Any]:
    """A whole document; ``keys`` are put into it at the end."""
    made = [
        one_round(scenario, wiring, number)
        for scenario in scenarios
        for number in range(1, rounds + 1)
        for wiring in wirings
    ]
    titles = {
        "healthy": ("Everything works", "Nothing is done to the shop."),
        "products-down": ("Products down for 10 s", "Products is killed a fifth into the measured time."),
    }
    return {
        "schema": "shop-compare/1",
        "stopped": None,
        "scenarios": {name: dict(zip(("title", "text"), titles[name], strict=True)) for name in scenarios},
        "conditions": conditions(wirings, scenarios, rounds),
        "rounds": made,
        **keys,
    }


def old_format(found: dict[str, Any]) -> dict[str, Any]:
    """The same without everything that older documents do not have."""
    old = copy.deepcopy({"conditions": found["conditions"], "rounds": found["rounds"]})
    for one in old["rounds"]:
        faults = one.pop("faults")
        one["outage"] = None
        if faults:
            times = {"killed_at": faults[0]["began_at"], "ready_at": faults[0]["ended_at"]}
            one["outage"] = {"service": faults[0]["target"], **times}
        for name in ("invalid", "completion_histogram", "staleness", "series", "story"):
            one.pop(name)
    return old


def one_round(scenario: str, wiring: str, number: int, *, invalid: str | None = None) -> dict[str, Any]:
    """A round of 50 orders a second; in ``products-down`` events catch up afterwards and the others refuse."""
    random = Random(f"{scenario} {wiring} {number}")
    begin = BEGIN + 1000 * number
    events, down = wiring == "events", scenario == "products-down"
    quick = 6.0 if events else 9.0
    accepts = [random.lognormvariate(0, 0.5) * quick for _ in range(SECONDS * RATE)]
    completes = [value * (6 if events else 0.9) for value in accepts]
    lost = 0
    if down and events:
        completes = [c + max(0.0, 10_000 - n * 10) * (8 * RATE <= n < 18 * RATE) for n, c in enumerate(completes)]
    elif down:
        lost = round((1 - HIT_BY_FAULT.get(wiring, 0.0)) * 10 * RATE) - random.randrange(5)
        accepts, completes = accepts[lost:], completes[lost:]
    offered = SECONDS * RATE
    answered, settled = histogram(accepts), histogram(completes)
    findings = [{"id": f"0193f0c2-{number:04d}-7000-8000-00000000000{n}", "wrong": "holds stock"} for n in range(2)]
    if not down or events:
        findings = []
    return {
        "scenario": scenario,
        "wiring": wiring,
        "round": number,
        "concurrency": 0,
        "step": "",
        "outage": None,
        "faults": [_fault(begin)] if down else [],
        "invalid": invalid,
        "load": {
            "offered": offered,
            "accepted": offered - lost,
            "seconds": float(SECONDS),
            "began_at": begin - 3,
            "measured_from": begin,
            "ended_at": begin + SECONDS,
            "accept_latency": percentiles(answered),
            "all_latency": percentiles(answered),
            "late": {"p50": 0.2, "p95": 0.5, "p99": 1.1, "max": 3.0},
            "most_in_flight": 4,
            "cpu_seconds": 2.5,
            "statuses": {"202" if events else "201": offered - lost, "503": lost},
            "invalid": None,
            "histogram": encoded(answered),
        },
        "outcomes": {"confirmed": offered - lost, "refused": lost},
        "completion": percentiles(settled),
        "completion_histogram": encoded(settled),
        "staleness": {"p50": 12.0, "p95": 30.0, "p99": 44.0, "max": 61.0, "histogram": "", "changes": 900}
        if events
        else None,
        "settled": offered - lost,
        "settled_per_second": float(RATE) + random.random(),
        "cpu": {
            "per_settled_ms": (14.0 if events else 8.0) + random.random(),
            "seconds": {"services": 12.0, "kafka": 4.0},
            "kafka_counted": events,
            "foreign_percent_of_machine": 2.0 + number,
            "generator_seconds": 2.5,
            "wall_seconds": SECONDS + 5.0,
        },
        "audit": {
            "clean": not findings,
            "findings": len(findings),
            "live": False,
            "counts": {"orders": offered - lost},
            "waited_seconds": 1.0,
            "seconds": 0.4,
            "checks": [
                {"rule": "no rejected order holds stock", "looked_at": 2000, "count": len(findings), "notice": False}
                | {"found": findings},
                {"rule": "orders at an outdated price", "looked_at": 2000, "count": 1 if events else 0, "notice": True}
                | {"found": [{"id": "0193f0c2-9999", "wrong": "paid 100, was 120"}] if events else []},
            ],
        },
        "series": series(random, events=events, down=down, breaker=wiring == "chain-breaker"),
        "story": story(wiring, begin, down=down),
    }


def series(random: Random, *, events: bool, down: bool, breaker: bool) -> dict[str, Any]:
    """Second by second, until ten seconds after the load."""
    seconds = list(range(SECONDS + 10))
    away = [down and DOWN[0] <= second < DOWN[1] for second in seconds]
    sent = [RATE if second < SECONDS else 0 for second in seconds]
    accepted = [0 if gone and not events else n for n, gone in zip(sent, away, strict=True)]
    waiting, lag, settled = 0, [], []
    for second, gone in zip(seconds, away, strict=True):
        done = 0 if gone and events else min(waiting + accepted[second], RATE * 4)
        waiting += accepted[second] - done
        settled.append(done)
        lag.append(waiting * 2 + random.randrange(6))
    return {
        "seconds": seconds,
        "offered": sent,
        "accepted": accepted,
        "settled": settled,
        "accept_p99_ms": [round(random.uniform(18, 30), 1) if n else None for n in accepted],
        "lag": lag if events else [None] * len(seconds),
        "outbox": [random.randrange(4) for _ in seconds] if events else [None] * len(seconds),
        "circuits": {"orders->products": [_circuit(second, gone) for second, gone in zip(seconds, away, strict=True)]}
        if breaker
        else {},
    }


def story(wiring: str, begin: float, *, down: bool) -> dict[str, Any]:
    """One order's spans, as sampled traces give them."""
    if wiring == "events":
        wait = 6000.0 if down else 0.0
        spans = [
            _span("orders", "POST /orders", "request", None, 0.4, 5.1),
            _span("orders", "order pending, OrderPlaced", "transaction", "orders", 1.2, 3.1),
            _span("delivery", "OrderPlaced", "event", "orders", 14.0, 2.2),
            _span("products", "OrderPlaced", "event", "orders", wait + 15.0, 4.0),
            _span("delivery", "StockReserved", "event", "products", wait + 29.0, 3.7),
            _span("orders", "DeliveryStarted", "event", "delivery", wait + 44.0, 3.0),
        ]
        return _story(begin, "confirmed", wait + 47.0, spans)
    refusal = ": Cannot connect to host 127.0.0.1:24400 ssl:default [Connect call failed]"
    spans = [
        _span("orders", "POST /orders", "request", None, 0.4, 9.0),
        _span("products", f"GET /products/2{refusal if down else ''}", "call", "orders", 1.1, 2.0, ok=not down),
    ]
    if not down:
        spans += [
            _span("delivery", "POST /participant/deliveries", "call", "orders", 3.4, 5.0),
            _span("products", "POST /participant/reservations", "call", "delivery", 4.2, 2.9),
        ]
    return _story(begin, None if down else "confirmed", 9.4, spans)


def conditions(wirings: Sequence[str], scenarios: Sequence[str], rounds: int) -> dict[str, Any]:
    return {
        "command": f"shop compare --wirings {','.join(wirings)} --rounds {rounds}",
        "at": "2026-11-30T10:00:00Z",
        "machine": {
            "cpu": "A processor",
            "cores": 2,
            "memory_gib": 7.8,
            "system": "Linux",
            "load_before": [0.1, 0.2, 0],
        },
        "versions": {"python": "3.11.7", "postgresql": "18.6", "kafka": "4.4.0"},
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "overrides": {},
        "backends": {"kafka": "embedded", "postgres": "embedded"},
        "settings": {
            "wirings": list(wirings),
            "scenarios": list(scenarios),
            "rate": float(RATE),
            "seconds": float(SECONDS),
            "warmup_seconds": 3.0,
            "rounds": rounds,
            "down_seconds": 10.0,
            "arrivals": "constant",
            "concurrencies": [32, 128],
            "products": [1, 2, 3, 4, 5],
            "quiet_deadline": 60.0,
            "hold_transaction": False,
        },
        "read_models": "events keep the product copy",
        "load": "latency from the intended send time; generator, shop and backends share this machine",
    }


def capacities() -> list[dict[str, Any]]:
    return [
        {
            "wiring": wiring,
            "orders_per_second": rate,
            "steps": [
                {"rate": rate, "held": True, "why": "99.9 % confirmed within 2 s"},
                {"rate": rate * 1.3, "held": False, "why": "the lag grew"},
            ],
        }
        for wiring, rate in (("events", 640.0), ("chain", 310.0))
    ]


def _fault(begin: float) -> dict[str, Any]:
    return {"kind": "kill", "target": "products", "began_at": begin + DOWN[0], "ended_at": begin + DOWN[1]}


def _circuit(second: int, away: bool) -> str:
    if away:
        return "open"
    return "half_open" if DOWN[1] <= second < DOWN[1] + 5 else "closed"


def _span(
    who: str, what: str, kind: str, came_from: str | None, at: float, took: float, *, ok: bool = True
) -> dict[str, Any]:
    return {"who": who, "what": what, "kind": kind, "from": came_from, "at_ms": at, "took_ms": took, "ok": ok}


def _story(begin: float, status: str | None, after_ms: float, spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "order_id": "0193f0c2-7777-7000-8000-000000000001" if status else None,
        "offered_at": begin,
        "settled_at": begin + after_ms / 1000 if status else None,
        "status": status,
        "spans": spans,
    }
