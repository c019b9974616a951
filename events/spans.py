"""Events of sampled traces: when Kafka has one, and who handles it (see ``kit.spans``)."""

from collections.abc import Iterable
from typing import Any

import orjson

from events.envelope import Envelope
from events.outbox import Transaction
from kit import spans
from kit.spans import Span

_MAYBE_SAMPLED = tuple(f'-0{digit}"'.encode() for digit in "13579bdf")


def handling(transaction: Transaction, traceparent: str, envelope: Envelope[Any]) -> str:
    """The trace of what ``transaction`` announces because of this event, which carries ``traceparent``. If that is
    sampled there is a span from now until the commit, and none if that does not come."""
    if not spans.wanted(traceparent):
        return traceparent
    span = Span(traceparent, "transaction", f"handle {type(envelope.data).__name__}")
    transaction.after_commit(span.end)
    return span.traceparent


def published(rows: Iterable[Any]) -> None:
    """Kafka has acknowledged these rows of the outbox."""
    for row in rows:
        if any(flags in row["headers"] for flags in _MAYBE_SAMPLED):
            headers: dict[str, str] = orjson.loads(row["headers"])
            traceparent = headers.get("traceparent", "")
            if spans.wanted(traceparent):
                Span(traceparent, "published", headers["ce_type"]).end(now=True)
