"""A sampled request leaves spans that hang together; any other leaves none, and its trace goes on as it came."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import spans
from kit.grouping import Grouping
from kit.trace_context import child, sampled, trace_id, valid
from tests.span_file import SAMPLED, UNSAMPLED, lines, recorded


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    with recorded(tmp_path, "orders") as path:
        yield path


@pytest.mark.parametrize(
    ("traceparent", "wanted"),
    [
        (SAMPLED, True),
        (SAMPLED[:-2] + "03", True),
        (UNSAMPLED, False),
        (SAMPLED[:-2] + "02", False),
        (None, False),
        ("", False),
        ("nonsense-1", False),
        (f"00-{'0' * 32}-{'b2' * 8}-01", False),
    ],
)
def test_a_trace_is_sampled_when_it_is_valid_and_its_last_bit_is_set(traceparent: str | None, wanted: bool) -> None:
    assert sampled(traceparent) is wanted


def test_a_child_keeps_trace_and_flags() -> None:
    passed_on = child(SAMPLED[:-2] + "03", "c3" * 8)
    assert valid(passed_on)
    assert (trace_id(passed_on), passed_on[36:52], passed_on[-2:]) == ("a1" * 16, "c3" * 8, "03")


class Application:
    """Remembers what it was asked with, and answers with ``status``."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.headers: dict[bytes, bytes] = {}
        self.current: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers, self.current = dict(scope["headers"]), spans.CURRENT.get()
        await send({"type": "http.response.start", "status": self.status, "headers": []})


async def ask(application: ASGIApp, *traceparents: str) -> None:
    headers = [(b"traceparent", value.encode()) for value in traceparents]
    scope: Scope = {"type": "http", "method": "POST", "path": "/orders", "headers": [(b"host", b"orders"), *headers]}

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        return None

    await spans.RequestSpans(application)(scope, receive, send)


async def test_a_sampled_request_is_a_span_and_the_parent_of_what_follows(file: Path) -> None:
    application = Application(201)
    await ask(application, SAMPLED)
    [line] = lines(file)
    assert (line["trace"], line["parent"]) == ("a1" * 16, "b2" * 8)
    assert (line["who"], line["kind"], line["what"], line["ok"]) == ("orders", "request", "POST /orders", True)
    assert application.headers[b"traceparent"].decode() == child(SAMPLED, line["span"]) == application.current
    assert application.headers[b"host"] == b"orders"
    assert spans.CURRENT.get() is None


async def test_a_request_that_is_answered_with_an_error_says_so(file: Path) -> None:
    await ask(Application(503), SAMPLED)
    assert [(line["ok"], line["says"]) for line in lines(file)] == [(False, "answered 503")]


@pytest.mark.parametrize("given", [(), (UNSAMPLED,), ("nonsense",), (SAMPLED, SAMPLED)])
async def test_any_other_request_leaves_nothing_and_is_passed_on_as_it_came(file: Path, given: Sequence[str]) -> None:
    application = Application()
    await ask(application, *given)
    assert lines(file) == []
    assert application.current is None
    assert [application.headers[b"traceparent"].decode()] == list(given[-1:]) if given else True


async def test_a_process_that_records_nothing_passes_a_sampled_trace_on_as_it_came() -> None:
    application = Application()
    await ask(application, SAMPLED)
    assert application.headers[b"traceparent"].decode() == SAMPLED
    assert spans.wanted(SAMPLED) is False


async def test_of_those_written_together_each_sampled_one_has_its_own_span_and_no_other(file: Path) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()
    seen: list[str | None] = []

    async def write(items: Sequence[int]) -> Sequence[int]:
        seen.append(spans.CURRENT.get())
        begun.set()
        await gate.wait()
        return items

    grouping = Grouping(write, name="save the order")

    async def request(item: int, traceparent: str | None) -> None:
        spans.CURRENT.set(traceparent)
        await grouping.do(item)

    first = asyncio.create_task(request(0, SAMPLED))
    await begun.wait()
    others = [asyncio.create_task(request(1, None)), asyncio.create_task(request(2, SAMPLED))]
    gate.set()
    await asyncio.gather(first, *others)
    assert [(line["kind"], line["what"]) for line in lines(file)] == [("transaction", "save the order")] * 2
    assert seen == [None, None], "the writer works for all, not for the one who began it"


async def test_what_raises_is_a_span_that_says_why(file: Path) -> None:
    with pytest.raises(ValueError, match="no such"), spans.span(SAMPLED, "call", "GET /"):
        raise ValueError("no such thing")
    assert [(line["ok"], line["says"]) for line in lines(file)] == [(False, "no such thing")]
