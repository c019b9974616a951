"""Which trace an order belongs to: W3C Trace Context's ``traceparent``."""

import re
from collections.abc import Sequence
from uuid import UUID

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(headers: Sequence[str]) -> str | None:
    """The header's value if there is one valid ``traceparent``; a broken one counts as absent, as the standard asks."""
    return headers[0] if len(headers) == 1 and _TRACEPARENT.fullmatch(headers[0]) else None


def trace_of(order_id: UUID, given: str | None) -> str:
    """``given``, or a trace derived from the order: its id is the trace's id, so that one is found by the other."""
    return given or f"00-{order_id.hex}-{order_id.hex[16:]}-01"
