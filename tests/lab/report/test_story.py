"""One order's story: every step in its place, with its time, and the same in words."""

from typing import Any

from lab.report.charts.frame import Ids
from lab.report.page import report
from lab.report.story import MOST, Story
from tests.lab.report.documents import document, story
from tests.lab.report.parsed import Element, parsed, words


def told(found: dict[str, Any], wiring: str = "events") -> Story:
    made = Story.of(wiring, found)
    assert made is not None
    return made


def lanes(picture: Element) -> list[str]:
    return [words(one) for one in picture.every("text") if one.attributes.get("class") == "lane"]


def test_lanes_are_the_customer_and_who_took_part() -> None:
    picture = parsed(told(story("chain", 1000.0, down=False), "chain").drawn(Ids()))
    assert lanes(picture) == ["customer", "orders", "products", "delivery"]


def test_steps_stand_in_the_order_of_their_times_and_events_are_dashed_arrows() -> None:
    picture = parsed(told(story("events", 1000.0, down=False)).drawn(Ids()))
    said = [words(one) for one in picture.every("text") if (one.attributes.get("class") or "").startswith("said")]
    assert [words.partition(",")[0] for words in said] == [
        *("POST /orders", "order pending", "OrderPlaced", "OrderPlaced", "StockReserved", "DeliveryStarted"),
    ]
    assert said[3] == "OrderPlaced, +4.00 ms", "when it was handled"
    kinds = [one.attributes["class"] for one in picture.every("line") if "arrow" in (one.attributes["class"] or "")]
    assert kinds == ["arrow request", "arrow event", "arrow event", "arrow event", "arrow event"]


def test_the_description_tells_the_whole_story_with_its_times() -> None:
    made = told(story("events", 1000.0, down=True))
    assert made.headline.endswith("is confirmed after 6,047 ms")
    assert "at 0.40 ms: orders: POST /orders asked by customer, took 5.10 ms" in made.description()
    assert "at 6,015 ms: products: OrderPlaced told by orders, handled 4.00 ms later" in made.description()


def test_a_call_that_failed_says_why_and_is_another_colour() -> None:
    made = told(story("chain", 1000.0, down=True), "chain")
    picture = parsed(made.drawn(Ids()))
    bad = [words(one) for one in picture.every("text") if one.attributes.get("class") == "said bad"]
    assert bad == ["GET /products/2: Cannot connect to hos..., 2.00 ms"]
    assert "[Connect call failed] called by orders, took 2.00 ms, failed" in made.description()


def test_a_failure_without_a_reason_is_called_one() -> None:
    span = {
        "who": "orders",
        "what": "GET /x",
        "kind": "call",
        "from": "products",
        "at_ms": 1,
        "took_ms": None,
        "ok": False,
    }
    assert "GET /x (failed)" in words(parsed(told({"spans": [span]}).drawn(Ids())))


def test_words_stay_inside_the_picture_whoever_speaks() -> None:
    spans: list[dict[str, Any]] = [
        {"who": who, "what": "POST /participant/reservations and so on and on and on", "kind": "call"}
        | {"from": came_from, "at_ms": n, "took_ms": None, "ok": True}
        for n, (who, came_from) in enumerate([("orders", None), ("products", "product-copy"), ("delivery", "delivery")])
    ]
    picture = parsed(told({"spans": spans}).drawn(Ids()))
    for one in picture.every("text"):
        if (one.attributes.get("class") or "").startswith("said"):
            middle, half = float(one.attributes["x"] or 0), len(words(one)) * 2.7
            assert middle - half >= 0
            assert middle + half <= 360


def test_a_very_long_story_is_cut_and_says_so() -> None:
    span = {"who": "orders", "what": "x", "kind": "call", "from": "products", "at_ms": 1.0, "took_ms": 1.0, "ok": True}
    made = told({"spans": [span] * (MOST + 5)})
    assert "5 further steps left out" in made.description()


def test_an_order_that_left_no_trace_has_no_story() -> None:
    assert Story.of("chain", {"spans": []}) is None
    found = document(rounds=1)
    for one in found["rounds"]:
        one["story"] = None
    assert "What happened to one order" not in report(found)


def test_each_wiring_tells_one_story_a_scenario() -> None:
    tree = parsed(report(document(rounds=3)))
    assert words(tree).count("The same in words: events") == 2
    assert words(tree).count("The same in words: chain") == 2


def test_an_order_that_was_refused_is_told_as_none() -> None:
    refused = story("chain", 1000.0, down=True) | {"order_id": None, "status": None, "settled_at": None}
    assert told(refused, "chain").headline == "chain: an order that no database knows"
