"""What a process did for a sampled trace, a span a line, in the file that ``SHOP_TRACE_FILE`` names.

Without such a file, and for work whose ``traceparent`` is not sampled, nothing is made, measured or written; the
``traceparent`` is then passed on as it came. For sampled work each span is the parent of what follows from it. A span
is written when it has ended: what a killed process had begun is not in the file.

A line is a JSON object: ``trace``, ``span`` and ``parent`` (hex), ``who`` (the service), ``kind`` (``request``,
``call``, ``event``, ``published``, ``transaction``), ``what``, ``began`` (Unix time), ``took_ms``, ``ok``, ``says``
(why not, or null), ``to`` (the address that was called, or null). Processes may share the file: a line is one append.
A read model's worker adds a line for each batch that it has copied (``copied``): ``at`` (Unix time, right after the
commit) and ``changes``: aggregate, version and business time of each event.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.trace_context import child, parent_id, sampled, trace_id

CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""Of the sampled request that this task answers, None in all others: for what is not handed a ``traceparent``."""


class _File:
    def __init__(self, path: str, who: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._who = who

    def write(self, line: dict[str, object]) -> None:
        os.write(self._descriptor, orjson.dumps({"who": self._who, **line}) + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


_file: _File | None = None


def record_to(path: str | None, who: str) -> None:
    """From now on this process, which is ``who``, appends its spans to that file; None: to none. Call it
    before the application is built. Raises OSError when the file cannot be written."""
    global _file
    if _file is not None:
        _file.close()
    _file = _File(path, who) if path else None


def recording() -> bool:
    """Whether this process writes spans at all."""
    return _file is not None


def wanted(traceparent: str | None) -> bool:
    """Whether a span for work with that ``traceparent`` will be written."""
    return _file is not None and sampled(traceparent)


def note(who: str, kind: str, **fields: object) -> None:
    """A line of its own form, which belongs to no trace. Ask ``recording()`` first."""
    if _file is not None:
        _file.write({"who": who, "kind": kind, **fields})


class Span:
    """Something that is done for a sampled trace. ``traceparent`` is what it passes on."""

    def __init__(self, parent: str, kind: str, what: str, to: str | None = None) -> None:
        self.id = secrets.token_hex(8)
        self.traceparent = child(parent, self.id)
        self.ok, self.says = True, ""
        self._parent, self._kind, self._what, self._to = parent, kind, what, to
        self._began, self._clock = time.time(), time.perf_counter()

    def failed(self, says: str) -> None:
        self.ok, self.says = False, says

    def end(self, *, now: bool = False) -> None:
        """Writes it. ``now``: it took no time, and happened now."""
        if _file is None:
            return
        began = time.time() if now else self._began
        line = {"trace": trace_id(self._parent), "span": self.id, "parent": parent_id(self._parent)}
        took = 0.0 if now else round((time.perf_counter() - self._clock) * 1000, 3)
        line |= {"kind": self._kind, "what": self._what}
        _file.write({**line, "began": began, "took_ms": took, "ok": self.ok, "says": self.says or None, "to": self._to})


@contextmanager
def span(parent: str, kind: str, what: str, to: str | None = None) -> Iterator[Span]:
    """A span round the block, written when it ends; not well when the block raises. Ask ``wanted(parent)`` first."""
    made = Span(parent, kind, what, to)
    try:
        yield made
    except BaseException as error:
        made.failed(str(error) or type(error).__name__)
        raise
    finally:
        made.end()


@contextmanager
def transaction(what: str) -> Iterator[None]:
    """A span round a transaction, if this task answers a sampled request."""
    parent = CURRENT.get()
    if parent is None:
        yield
        return
    with span(parent, "transaction", what):
        yield


class RequestSpans:
    """ASGI middleware: a span for each sampled request, and the parent of all that is done for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        traceparent = _traceparent(scope) if scope["type"] == "http" else None
        if traceparent is None or not wanted(traceparent):
            await self._app(scope, receive, send)
            return
        with span(traceparent, "request", f"{scope['method']} {scope['path']}") as request:

            async def observe(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] >= 400:
                    request.failed(f"answered {message['status']}")
                await send(message)

            others = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            headers = [*others, (b"traceparent", request.traceparent.encode())]
            token = CURRENT.set(request.traceparent)
            try:
                await self._app({**scope, "headers": headers}, receive, observe)
            finally:
                CURRENT.reset(token)


def _traceparent(scope: Scope) -> str | None:
    """The header's value; two of them are none."""
    values = [value for name, value in scope["headers"] if name == b"traceparent"]
    return values[0].decode("latin-1") if len(values) == 1 else None
