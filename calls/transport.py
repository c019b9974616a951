"""The seam between what a call means and how it travels: two methods, so that whatever is added to calls (a limit,
retry, a circuit breaker, a bulkhead) is a wrapper round a transport, and a test can be one too."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import aiohttp

from calls.caller import DEADLINE_HEADER, TRACE_HEADER
from calls.errors import PeerTimeout, PeerUnavailable


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` begins with a slash; ``body`` is JSON or None. ``deadline`` is a point of ``time.monotonic()``.
    ``idempotent``: sent twice, it has the effect of once, so that whoever got no answer may send it again."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]
    deadline: float
    traceparent: str | None = None
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    async def send(self, request: Request) -> Response:
        """The answer. Raises PeerUnavailable when there is none; may be cancelled at the request's deadline."""
        ...

    async def close(self) -> None:
        """Gives up every connection. Nothing may be sent afterwards."""
        ...


class HttpTransport:
    """A pool of kept-alive connections to one peer; ``connections`` at most, further requests wait for one of them.

    The pool lets go of an idle connection before our servers do (60 s against 75 s), so that a request never meets a
    connection which the other side is just closing. It must be used in one event loop.
    """

    def __init__(self, base_url: str, *, connections: int = 200) -> None:
        self._base_url = base_url.rstrip("/")
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        if self._session is None:
            self._session = self._open()
        left = round((request.deadline - monotonic()) * 1000)
        if left <= 0:
            raise PeerTimeout(self._base_url, "the deadline had passed before the request was sent")
        headers = {**request.headers, DEADLINE_HEADER: str(left)}
        if request.traceparent is not None:
            headers[TRACE_HEADER] = request.traceparent
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                request.method, self._base_url + request.path, data=request.body, headers=headers, allow_redirects=False
            ) as response:
                return Response(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, OSError) as error:
            raise PeerUnavailable(self._base_url, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=60, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Accept": "application/json"},
        )
