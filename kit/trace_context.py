"""W3C Trace Context: which trace a piece of work belongs to (``traceparent``), and whether that trace is sampled.

``00-<trace id, 32 hex digits>-<parent's span id, 16>-<flags, 2>``; the last bit of the flags says that the trace is
sampled: whoever began it wants to know what happened. https://www.w3.org/TR/trace-context/
"""

import re

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ODD = frozenset("13579bdf")


def valid(traceparent: str) -> bool:
    """A value that is not counts as absent, as the standard asks."""
    return _TRACEPARENT.fullmatch(traceparent) is not None


def sampled(traceparent: str | None) -> bool:
    """Whether it is valid and its flag is set."""
    return traceparent is not None and traceparent[-1:] in _ODD and valid(traceparent)


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]


def parent_id(traceparent: str) -> str:
    return traceparent[36:52]


def child(traceparent: str, span_id: str) -> str:
    """What is passed on by the span with that id: the same trace, the same flags."""
    return f"{traceparent[:36]}{span_id}{traceparent[52:]}"
