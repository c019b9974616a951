"""One order's story, out of constructed spans."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.load.records import NO_ANSWER, Record
from lab.tracing.lines import Line, read_lines
from lab.tracing.story import Ending, story

BEGIN = 1_000_000.0
PEERS = {"http://127.0.0.1:2": "products", "http://127.0.0.1:3": "delivery"}
AWAY = "Cannot connect to host 127.0.0.1:2 ssl:default [Connect call failed ('127.0.0.1', 2)]"
CUSTOMER = "0" * 15 + "1"
CONFIRMED = Ending("7", "confirmed", BEGIN + 0.020)


def record(status: int = 201, latency_ms: float = 21.0) -> Record:
    return Record(4, BEGIN, 0.1, latency_ms, status)


def line(span: str, parent: str, who: str, kind: str, what: str, at_ms: float, took_ms: float, **more: Any) -> Line:
    return Line(span, parent, who, kind, what, BEGIN + at_ms / 1000, took_ms, **more)


def chain() -> list[Line]:
    products, delivery = PEERS
    return [
        line("a", "s1", "products", "request", "GET /products/2", 1.2, 1),
        line("s1", "r", "orders", "call", "GET /products/2", 1, 2, to=products),
        line("t", "r", "orders", "transaction", "save the order", 4, 2),
        line("u", "c", "products", "transaction", "take stock, or put it back", 9, 2),
        line("c", "s3", "products", "request", "POST /participant/reservations", 8.5, 3),
        line("s3", "b", "delivery", "call", "POST /participant/reservations", 8, 4, to=products),
        line("v", "b", "delivery", "transaction", "write the delivery", 13, 2),
        line("b", "s2", "delivery", "request", "POST /participant/deliveries", 7.5, 8),
        line("s2", "r", "orders", "call", "POST /participant/deliveries", 7, 9, to=delivery),
        line("w", "r", "orders", "transaction", "settle the order", 17, 3),
        line("r", CUSTOMER, "orders", "request", "POST /orders", 0.5, 20),
    ]


def told(spans: list[dict[str, Any]]) -> list[tuple[str, str | None, str]]:
    return [(span["kind"], span["from"], span["who"]) for span in spans]


def test_a_chain_is_told_call_by_call_in_the_order_of_time() -> None:
    found = story(record(), CUSTOMER, chain(), CONFIRMED, PEERS)
    assert told(found["spans"]) == [
        ("request", None, "orders"),
        ("call", "orders", "products"),
        ("transaction", None, "orders"),
        ("call", "orders", "delivery"),
        ("call", "delivery", "products"),
        ("transaction", None, "products"),
        ("transaction", None, "delivery"),
        ("transaction", None, "orders"),
    ]
    assert all(span["ok"] for span in found["spans"])
    assert (found["spans"][1]["at_ms"], found["spans"][1]["took_ms"]) == (pytest.approx(1, abs=0.01), 2)
    assert (found["order_id"], found["offered_at"], found["status"]) == ("7", BEGIN, "confirmed")


def test_the_customers_request_is_what_the_customer_saw() -> None:
    found = story(record(NO_ANSWER, 15_000.0), CUSTOMER, [], Ending(None, None, None), PEERS)
    assert found["spans"] == [
        {
            "who": "orders",
            "what": "POST /orders: no answer",
            "kind": "request",
            "from": None,
            "at_ms": 0.0,
            "took_ms": 15_000.0,
            "ok": False,
        }
    ]


def test_attempts_are_counted_and_say_why_they_failed_also_when_nobody_was_reached() -> None:
    products = "http://127.0.0.1:2"
    lines = [
        line("1", "r", "orders", "call", "GET /products/2", 1, 300, ok=False, says=f"{products}: {AWAY}", to=products),
        line("2", "r", "orders", "call", "GET /products/2", 350, 0, ok=False, says="products: not asked", to=products),
        line("3", "r", "orders", "call", "GET /products/2", 400, 9, ok=False, says="CancelledError", to=products),
    ]
    spans = story(record(503), CUSTOMER, lines, Ending(None, None, None), PEERS)["spans"]
    assert [span["what"] for span in spans[1:]] == [
        "GET /products/2: nobody listens there",
        "GET /products/2, attempt 2: not asked",
        "GET /products/2, attempt 3: given up, nobody waits any more",
    ]
    assert {span["who"] for span in spans[1:]} == {"products"}
    assert not any(span["ok"] for span in spans)


def test_an_event_goes_to_each_who_handles_it_and_takes_until_that_begins() -> None:
    lines = [
        line("e", "r", "orders", "event", "OrderPlaced", 3, 0),
        line("p", "e", "orders", "published", "shop.orders.OrderPlaced.v1", 5, 0),
        line("h1", "e", "products", "transaction", "handle OrderPlaced", 7, 4),
        line("h2", "e", "delivery", "transaction", "handle OrderPlaced", 8, 3),
    ]
    spans = story(record(202), CUSTOMER, lines, CONFIRMED, PEERS)["spans"]
    events = [(span["from"], span["who"], round(span["took_ms"])) for span in spans if span["kind"] == "event"]
    assert events == [("orders", "products", 4), ("orders", "delivery", 5)]
    handled = [(span["who"], round(span["at_ms"])) for span in spans if span["what"] == "handle OrderPlaced"]
    assert handled == [("products", 7), ("delivery", 8)]


def test_an_event_that_nobody_handles_ends_at_kafka_and_one_that_was_not_published_is_not_well() -> None:
    lines = [
        line("e", "r", "orders", "event", "OrderConfirmed", 3, 0),
        line("p", "e", "orders", "published", "shop.orders.OrderConfirmed.v1", 5, 0),
        line("f", "r", "orders", "event", "OrderPlaced", 1, 0),
    ]
    spans = story(record(202), CUSTOMER, lines, Ending("7", "pending", None), PEERS)["spans"]
    events = [(span["what"], span["who"], span["took_ms"], span["ok"]) for span in spans if span["kind"] == "event"]
    assert events == [
        ("OrderPlaced", "kafka", None, False),
        ("OrderConfirmed", "kafka", pytest.approx(2, abs=0.01), True),
    ]


def test_a_caller_that_was_killed_leaves_what_it_asked_for() -> None:
    lines = [line("b", "gone", "delivery", "request", "POST /participant/deliveries", 7.5, 8)]
    spans = story(record(NO_ANSWER), CUSTOMER, lines, Ending("7", "pending", None), PEERS)["spans"]
    assert told(spans) == [("request", None, "orders"), ("call", None, "delivery")]


def test_an_order_that_is_settled_later_by_somebody_else_says_when() -> None:
    later = Ending("7", "confirmed", BEGIN + 12.5)
    last = story(record(202), CUSTOMER, chain(), later, PEERS)["spans"][-1]
    assert (last["who"], last["what"], last["at_ms"]) == ("orders", "the order is confirmed", 12_500.0)


def test_ids_in_paths_are_left_out() -> None:
    path = "POST /participant/prepared/01234567-89ab-7def-8123-456789abcdef/commit"
    spans = story(record(), CUSTOMER, [line("1", "r", "orders", "call", path, 1, 2)], CONFIRMED, PEERS)["spans"]
    assert spans[1]["what"] == "POST /participant/prepared/{id}/commit"


def test_only_the_lines_of_the_trace_are_read_and_half_a_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    one = {"span": "1", "parent": "2", "who": "orders", "kind": "call", "what": "GET /", "began": 1.0, "took_ms": 2.0}
    lines = [orjson.dumps({**one, "trace": trace}) for trace in ("aa", "bb")]
    file.write_bytes(b"\n".join([*lines, lines[0][:-9]]))
    assert list(read_lines(file, "aa")) == [Line(**one)]  # type: ignore[arg-type]
    assert list(read_lines(tmp_path / "none", "aa")) == []
