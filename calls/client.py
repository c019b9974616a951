"""Asking another service over HTTP, with a deadline.

products = Peer("http://127.0.0.1:8085")
product = await products.get("/products/2")
await products.post("/participant/reservations", {...}, caller=Caller.of(request.headers))
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import orjson

from calls.caller import Caller
from calls.errors import PeerCutOff, PeerError, PeerFailed, PeerRefused, PeerTimeout, PeerUnavailable
from calls.spans import traced
from calls.transport import HttpTransport, Request, Response, Transport

__all__ = ["Caller", "Peer", "PeerCutOff", "PeerError", "PeerFailed", "PeerRefused", "PeerTimeout", "PeerUnavailable"]


class Peer:
    """Another service. A call takes ``deadline`` seconds at most, or what is left of its caller's time if less.

    Every call returns the JSON object of a 2xx answer or raises a PeerError (see its docstring for the tree), and
    sends ``traceparent`` and ``X-Deadline-Ms`` (what is left of the time) along. Nothing is repeated here: that is a
    transport's business (``calls.retry``), which may repeat a ``get``, and a ``post`` that is said to be idempotent. A
    cancelled call closes its connection, so that the peer's late answer cannot meet the next request.
    """

    def __init__(self, base_url: str, deadline: float = 3.0, *, transport: Transport | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.deadline = deadline
        self._transport = transport or traced(HttpTransport(self.base_url), self.base_url)

    async def get(self, path: str, *, caller: Caller | None = None) -> dict[str, Any]:
        return await self._call("GET", path, None, caller or Caller(), {}, idempotent=True)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        caller: Caller | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        """``body`` may hold what orjson can write (UUID, datetime, str, int, ...)."""
        content = None if body is None else orjson.dumps(body)
        return await self._call("POST", path, content, caller or Caller(), headers or {}, idempotent=idempotent)

    async def close(self) -> None:
        await self._transport.close()

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        caller: Caller,
        headers: Mapping[str, str],
        *,
        idempotent: bool,
    ) -> dict[str, Any]:
        now = monotonic()
        deadline = now + self.deadline if caller.deadline is None else min(now + self.deadline, caller.deadline)
        request = Request(method, path, body, headers, deadline, caller.traceparent, idempotent)
        if deadline <= now:
            raise PeerTimeout(self.base_url, f"{method} {path}: the caller's deadline has passed")
        try:
            async with asyncio.timeout(deadline - now):
                response = await self._transport.send(request)
        except TimeoutError as error:
            raise PeerTimeout(self.base_url, f"{method} {path}: no answer within {deadline - now:.3g} s") from error
        return self._understood(response)

    def _understood(self, response: Response) -> dict[str, Any]:
        content = _json_object(response.body)
        if 200 <= response.status < 300:
            if content is None:
                raise PeerFailed(self.base_url, response.status, {}, "the answer is not a JSON object")
            return content
        if 400 <= response.status < 500:
            raise PeerRefused(self.base_url, response.status, content or {})
        raise PeerFailed(self.base_url, response.status, content or {})


def _json_object(body: bytes) -> dict[str, Any] | None:
    """The object, or None when the body is anything else."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None
