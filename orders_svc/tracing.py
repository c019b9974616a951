"""Which trace an order belongs to: W3C Trace Context's ``traceparent``."""

from collections.abc import Sequence
from uuid import UUID

from kit.trace_context import valid


def traceparent(headers: Sequence[str]) -> str | None:
    """The header's value if there is one valid ``traceparent``; a broken one counts as absent, as the standard asks."""
    return headers[0] if len(headers) == 1 and valid(headers[0]) else None


def trace_of(order_id: UUID, given: str | None) -> str:
    """``given``, with its flags as they are; or a trace derived from the order: its id is the trace's id, so that one
    is found by the other. Nobody has asked for that one to be sampled, so it is not."""
    return given or f"00-{order_id.hex}-{order_id.hex[16:]}-00"
