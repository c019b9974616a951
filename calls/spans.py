"""Each attempt to ask a peer, answered or not, as a span of the sampled trace it belongs to."""

from dataclasses import replace

from calls.transport import Request, Response, Transport
from kit import spans


def traced(inner: Transport, url: str) -> Transport:
    """The transport, with a span round each attempt to reach ``url``, if this process writes spans; else itself. It
    belongs inside what repeats calls and outside what refuses them: then each attempt is one span, also a refused
    one."""
    return Traced(inner, url) if spans.recording() else inner


class Traced:
    """An attempt that is sampled carries its own span as the parent of what the peer does; others stay as they are."""

    def __init__(self, inner: Transport, url: str) -> None:
        self._inner, self._url = inner, url.rstrip("/")

    async def send(self, request: Request) -> Response:
        parent = request.traceparent
        if parent is None or not spans.wanted(parent):
            return await self._inner.send(request)
        what = f"{request.method} {request.path}"
        with spans.span(parent, "call", what, to=self._url) as call:
            response = await self._inner.send(replace(request, traceparent=call.traceparent))
            if response.status >= 400:
                call.failed(f"answered {response.status}")
            return response

    async def close(self) -> None:
        await self._inner.close()
