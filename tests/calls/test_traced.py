"""Each attempt to ask a peer for a sampled order is a span of its own, and the parent of what the peer does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calls.breaker import Breaker, rules
from calls.client import Caller, Peer
from calls.errors import PeerCutOff, PeerTimeout
from calls.links import link
from calls.retry import Budget, Patience, Retry
from calls.settings import CallSettings
from calls.spans import traced
from kit.trace_context import child
from tests.calls.script import ASKED, AWAY, OK, Clock, Script, answer
from tests.span_file import SAMPLED, UNSAMPLED, lines, recorded

URL = "http://products"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    with recorded(tmp_path, "orders") as path:
        yield path


async def test_a_sampled_call_carries_its_own_span_as_the_parent(file: Path) -> None:
    script = Script()
    await Peer(URL, transport=traced(script, URL)).get("/products/2", caller=Caller(traceparent=SAMPLED))
    [line] = lines(file)
    assert (line["kind"], line["what"], line["to"], line["parent"]) == ("call", "GET /products/2", URL, "b2" * 8)
    assert script.sent[0].traceparent == child(SAMPLED, line["span"])


@pytest.mark.parametrize("traceparent", [UNSAMPLED, None])
async def test_a_call_that_is_not_sampled_carries_on_what_it_was_given(file: Path, traceparent: str | None) -> None:
    script = Script()
    await Peer(URL, transport=traced(script, URL)).get("/", caller=Caller(traceparent=traceparent))
    assert script.sent[0].traceparent == traceparent
    assert lines(file) == []


async def test_each_attempt_of_a_repeated_call_is_a_span(file: Path) -> None:
    clock = Clock()
    script = Script([AWAY, answer(503), OK], clock)
    retry = Retry(traced(script, URL), "products", Patience(attempts=3), Budget(), now=clock, sleep=clock.sleep)
    await retry.send(replace(ASKED, traceparent=SAMPLED))
    assert [line["says"] for line in lines(file)] == ["peer: nobody listens", "answered 503", None]
    assert {line["parent"] for line in lines(file)} == {"b2" * 8}
    assert [sent.traceparent for sent in script.sent] == [child(SAMPLED, line["span"]) for line in lines(file)]


async def test_a_call_that_its_circuit_breaker_refuses_is_a_span_too(file: Path) -> None:
    config = rules(window=2, calls=2, failure_rate=0.5, open_seconds=30)
    guarded = traced(Breaker(Script([AWAY]), "products", config), URL)
    for _ in range(2):
        with pytest.raises(type(AWAY)):
            await guarded.send(ASKED)
    with pytest.raises(PeerCutOff):
        await guarded.send(replace(ASKED, traceparent=SAMPLED))
    [line] = lines(file)
    assert (line["ok"], line["says"]) == (False, "products: not asked, its circuit is open")


async def test_a_call_that_is_given_up_is_a_span_that_is_not_well(file: Path) -> None:
    class Silent(Script):
        async def send(self, request: Any) -> Any:
            raise TimeoutError

    with pytest.raises(PeerTimeout):
        await Peer(URL, transport=traced(Silent(), URL)).get("/", caller=Caller(traceparent=SAMPLED))
    assert [line["ok"] for line in lines(file)] == [False]


@pytest.mark.parametrize("wiring", ["chain", "chain-retry", "chain-breaker", "chain-mesh"])
async def test_every_wirings_link_traces_its_attempts(file: Path, wiring: str) -> None:
    settings = CallSettings.model_validate(
        {"wiring": wiring, "database_url": "postgresql://orders@127.0.0.1/orders", "retry_attempts": 1}
    )
    peer = link("products", "http://127.0.0.1:1", settings)
    with pytest.raises(type(AWAY)):
        await peer.get("/products/2", caller=Caller(traceparent=SAMPLED))
    await peer.close()
    assert [(line["to"], line["ok"]) for line in lines(file)] == [("http://127.0.0.1:1", False)]


def test_a_process_that_records_nothing_has_nothing_round_its_calls() -> None:
    script = Script()
    assert traced(script, URL) is script
