"""A call returns the answer or raises what went wrong, in time."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import orjson
import pytest
from aiohttp import web

from calls.client import Caller, Peer, PeerFailed, PeerRefused, PeerTimeout, PeerUnavailable
from calls.transport import Request, Response
from tests.waiting import eventually

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


class Scripted:
    """A transport that remembers requests and answers as told."""

    def __init__(self, status: int = 200, body: bytes = b"{}", seconds: float = 0) -> None:
        self.answer = Response(status, {}, body)
        self.seconds = seconds
        self.requests: list[Request] = []
        self.closed = False

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        return self.answer

    async def close(self) -> None:
        self.closed = True


def peer(transport: Scripted, deadline: float = 3.0) -> Peer:
    return Peer("http://peer", deadline, transport=transport)


async def test_a_2xx_answer_is_returned_as_an_object() -> None:
    transport = Scripted(201, b'{"state": "reserved"}')
    assert await peer(transport).post("/reservations", {"quantity": 1}) == {"state": "reserved"}
    assert (transport.requests[0].method, transport.requests[0].path) == ("POST", "/reservations")
    assert transport.requests[0].body == b'{"quantity":1}'


async def test_a_4xx_is_a_refusal_with_its_reason() -> None:
    problem = {"type": "urn:shop:problem:out-of-stock", "title": "No stock", "status": 409, "detail": "out of stock"}
    with pytest.raises(PeerRefused, match="out of stock") as refused:
        await peer(Scripted(409, orjson.dumps(problem))).get("/")
    assert (refused.value.status, refused.value.kind) == (409, "out-of-stock")
    assert refused.value.detail == "out of stock"


@pytest.mark.parametrize(("status", "body"), [(500, b""), (503, b'{"detail": "later"}'), (302, b""), (200, b"<html>")])
async def test_a_5xx_or_an_answer_that_is_none_is_a_failure(status: int, body: bytes) -> None:
    with pytest.raises(PeerFailed) as failed:
        await peer(Scripted(status, body)).get("/")
    assert failed.value.status == status


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[1]", b'{"detail": null}'])
async def test_a_refusal_without_a_problem_is_a_refusal_too(body: bytes) -> None:
    with pytest.raises(PeerRefused) as refused:
        await peer(Scripted(404, body)).get("/")
    assert "404" in refused.value.detail


async def test_no_answer_within_the_deadline_is_a_time_out() -> None:
    begin = monotonic()
    with pytest.raises(PeerTimeout):
        await peer(Scripted(seconds=30), deadline=0.05).get("/")
    assert monotonic() - begin < 2


async def test_a_call_takes_no_longer_than_its_caller_waits() -> None:
    transport = Scripted(seconds=30)
    with pytest.raises(PeerTimeout):
        await peer(transport, deadline=30).get("/", caller=Caller(deadline=monotonic() + 0.05))
    assert transport.requests[0].deadline < monotonic() + 1


async def test_nothing_is_sent_when_the_caller_waits_no_longer() -> None:
    transport = Scripted()
    with pytest.raises(PeerTimeout):
        await peer(transport).get("/", caller=Caller(deadline=monotonic() - 1))
    assert transport.requests == []


async def test_closing_a_peer_closes_its_transport() -> None:
    transport = Scripted()
    await peer(transport).close()
    assert transport.closed


class Server:
    """A real HTTP server; ``seen`` holds the headers of its requests, ``connections`` where they came from."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.connections: set[object] = set()
        self.waiting = 0
        self.go_on = asyncio.Event()
        self.url = ""

    async def echo(self, request: web.Request) -> web.Response:
        self.seen.append(dict(request.headers))
        self.connections.add(request.transport and request.transport.get_extra_info("peername"))
        return web.json_response({"path": request.path, "body": await request.text()})

    async def reset(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def cut_short(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"state":')
        assert request.transport is not None
        request.transport.abort()
        return response

    async def slow(self, _request: web.Request) -> web.Response:
        self.waiting += 1
        await self.go_on.wait()
        return web.json_response({"late": True})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_route("*", "/echo", made.echo)
    app.router.add_route("*", "/reset", made.reset)
    app.router.add_route("*", "/cut-short", made.cut_short)
    app.router.add_route("*", "/slow", made.slow)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.go_on.set()
    await runner.cleanup()


@pytest.fixture
async def real(server: Server) -> AsyncIterator[Peer]:
    made = Peer(server.url, deadline=3)
    yield made
    await made.close()


async def test_the_trace_and_the_time_left_travel_along(server: Server, real: Peer) -> None:
    caller = Caller(deadline=monotonic() + 1, traceparent=TRACE)
    await real.post("/echo", {"quantity": 1}, caller=caller, headers={"Idempotency-Key": "k"})
    [headers] = server.seen
    assert headers["traceparent"] == TRACE
    assert 0 < int(headers["X-Deadline-Ms"]) <= 1000
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "k"


async def test_a_connection_is_kept_for_the_next_call(server: Server, real: Peer) -> None:
    for _ in range(5):
        await real.post("/echo", {})
    assert len(server.connections) == 1


async def test_nobody_listening_is_unavailable(unused_tcp_port: int) -> None:
    nobody = Peer(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(PeerUnavailable):
        await nobody.get("/")
    await nobody.close()


@pytest.mark.parametrize("path", ["/reset", "/cut-short"])
async def test_a_connection_that_breaks_is_unavailable(real: Peer, path: str) -> None:
    with pytest.raises(PeerUnavailable):
        await real.post(path, {})


async def test_a_late_answer_does_not_meet_the_next_call(server: Server, real: Peer) -> None:
    with pytest.raises(PeerTimeout):
        await real.post("/slow", {}, caller=Caller(deadline=monotonic() + 0.1))
    server.go_on.set()
    assert (await real.post("/echo", {"next": 1}))["path"] == "/echo"


async def test_a_call_can_be_cancelled(server: Server, real: Peer) -> None:
    call = asyncio.create_task(real.post("/slow", {}))
    await eventually(lambda: server.waiting == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await real.get("/echo"))["path"] == "/echo"
