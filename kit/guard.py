"""What stands before the routes: a limit on the body's size, and JSON only."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.problems import Problem

MAX_BODY_BYTES = 64 * 1024


class BodyGuard:
    """ASGI middleware. A request body over ``limit`` bytes is a 413, one that is not ``application/json`` a 415.

    The body is counted as it arrives, so a lying or missing Content-Length changes nothing.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        problem = self._refusal(headers)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        if b"transfer-encoding" not in headers:  # Content-Length was checked, and the server enforces it
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(receive)
        except Problem as too_large:
            await too_large.response()(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _refusal(self, headers: dict[bytes, bytes]) -> Problem | None:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._limit:
            return self._too_large()
        has_body = int(length) > 0 or b"transfer-encoding" in headers
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if has_body and media_type != b"application/json":
            return Problem(
                415,
                "content-type",
                "Unsupported media type",
                f"send the body as application/json, not {media_type.decode('latin-1') or 'without a content type'}",
                headers={"Accept-Post": "application/json"},
            )
        return None

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return bytes(body)
            body += message.get("body", b"")
            if len(body) > self._limit:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", "The body is too large", f"at most {self._limit} bytes are accepted")


def _replay(body: bytes, receive: Receive) -> Receive:
    delivered = False

    async def replay() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
