"""Whatever text a document holds, the page shows it as text."""

from typing import Any

import pytest

from lab.report.markup import Markup, joined, tag, text
from lab.report.page import report
from tests.lab.report.documents import capacities, document, old_format
from tests.lab.report.parsed import parsed, words

HOSTILE = "</title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;$main ${title}\x00\u202e"


def _poisoned(value: Any) -> Any:
    """The document with hostile text added to each of its texts, names of keys that are free text included."""
    if isinstance(value, dict):
        return {key: _poisoned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("old", [False, True])
def test_hostile_text_stays_text_everywhere(old: bool) -> None:
    clean = document(("events", "chain-breaker"), capacity=capacities())
    clean = old_format(clean) if old else clean
    evil = _poisoned(clean) | {"schema": "shop-compare/1"}
    evil["conditions"]["overrides"] = {f"NAME{HOSTILE}": HOSTILE}
    evil["conditions"]["settings"][f"setting{HOSTILE}"] = [HOSTILE, {HOSTILE: HOSTILE}]
    evil["scenarios"] = {
        one["scenario"]: {"title": HOSTILE, "text": HOSTILE, HOSTILE: HOSTILE} for one in evil["rounds"]
    }
    for one in evil["rounds"]:
        one["series"] = clean["rounds"][0].get("series") or {}
        one["series"]["circuits"] = {f"a->b{HOSTILE}": ["open"] * 50}
        one["invalid"] = None
        one["load"]["invalid"] = None
    page = report(evil)
    tree = parsed(page)
    assert list(tree.every("script", "img")) == []
    assert {element.name for element in tree.every()} <= {element.name for element in parsed(report(clean)).every()} | {
        *("svg", "path", "circle", "figure", "figcaption", "details", "summary", "pre", "dl", "dt", "dd", "div", "h3"),
        *("ul", "ol", "li", "strong", "small", "code", "section", "p"),
    }
    handlers = [name for element in tree.every() for name in element.attributes if name.startswith("on")]
    assert handlers == []
    assert "alert(1)" in words(tree), "it is shown"
    assert "\x00" not in page
    assert "\u202e" not in page


def test_a_reason_for_an_invalid_round_is_text_too() -> None:
    found = document(rounds=1)
    found["rounds"][0]["invalid"] = HOSTILE
    tree = parsed(report(found))
    assert list(tree.every("script", "img")) == []
    assert "must not be used: </title>" in words(tree)


@pytest.mark.parametrize("broken", ["", "x", "HISTFAAAA", "H" * 5000, "\u00e9", HOSTILE, 5, {}, None])
def test_a_histogram_that_cannot_be_read_is_left_out(broken: Any) -> None:
    found = document(rounds=1)
    for one in found["rounds"]:
        one["load"]["histogram"] = broken
    assert "Completion latency" in report(found)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "12", True, None, [], {}])
def test_what_is_no_number_is_no_figure(odd: Any) -> None:
    found = document(rounds=1)
    for one in found["rounds"]:
        one["load"]["accept_latency"] = dict.fromkeys(("p50", "p95", "p99", "max"), odd)
        one["series"]["accept_p99_ms"] = [odd] * 50
        one["settled_per_second"] = one["completion"] = odd
    assert parsed(report(found))


def test_only_markup_is_not_escaped() -> None:
    assert tag("p", "<b>", tag("b", '"'), title="<'\">") == '<p title="&lt;&#x27;&quot;&gt;">&lt;b&gt;<b>&quot;</b></p>'
    assert joined("a<", ["&", None, Markup("<br>")]) == "a&lt;&amp;<br>"
    assert text("\ud800\x1b[0m") == "\ufffd\ufffd[0m"


@pytest.mark.parametrize("name", ["onclick", "a b", "x=y", "srcdoc>"])
def test_names_of_attributes_do_not_come_from_outside(name: str) -> None:
    with pytest.raises(ValueError, match="is no attribute"):
        tag("p", **{name: "x"})
