"""One order's story: what its customer, the services and the events between them did, in the order of time."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.load.records import NO_ANSWER, NOT_SENT, Record
from lab.tracing.lines import Line

KAFKA = "kafka"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PEER = re.compile(r"^(?:https?://\S+|[a-z]+): ")
_CLOSE_ENOUGH_MS = 5.0


@dataclass(frozen=True)
class Ending:
    """How the databases have the order: all None when there is none. ``settled_at`` is Unix time."""

    order_id: str | None
    status: str | None
    settled_at: float | None


def story(
    record: Record, parent: str, lines: Iterable[Line], ending: Ending, peers: Mapping[str, str]
) -> dict[str, Any]:
    """JSON-ready. ``record`` is what the customer saw of the order, ``parent`` the span that the customer's request
    named as its own, ``lines`` are those of the order's trace, ``peers`` says whose address a called address is.

    ``spans``, earliest first, with ``at_ms`` counted from when the order was meant to be sent:

    - ``request``: the customer's, whom orders answers; ``from`` is None;
    - ``call``: ``from`` asks ``who``, as ``from`` saw it: its waiting for a connection is in it, and an attempt that
      never reached ``who``, too. A repeated attempt is a call of its own;
    - ``event``: ``from`` has committed it (``at_ms``), ``who`` begins to handle it ``took_ms`` later. When nobody
      handles it ``who`` is ``kafka``, which has it then; ``took_ms`` None and not ``ok``: Kafka never got it;
    - ``transaction``: ``who`` writes its own database, from beginning (waiting included) to commit.

    ``what`` of something that is not ``ok`` says why. Spans of a process that was killed before they ended are missing;
    so is what a service does later of its own accord, without the customer's request behind it (recovery, promises).
    """
    lines = list(lines)
    begin = record.intended_at
    spans = [_request(record)]
    spans += _calls([line for line in lines if line.kind in ("call", "request")], parent, peers, begin)
    spans += _events(lines, begin)
    spans += [_span(line, begin, line.who, None) for line in lines if line.kind == "transaction"]
    if ending.settled_at is not None and not _is_seen(ending.settled_at, lines):
        spans.append(_settled(ending, begin))
    spans.sort(key=lambda span: span["at_ms"])
    return {
        "order_id": ending.order_id,
        "offered_at": begin,
        "settled_at": ending.settled_at,
        "status": ending.status,
        "spans": spans,
    }


def _request(record: Record) -> dict[str, Any]:
    why = {NO_ANSWER: ": no answer", NOT_SENT: ": connection refused"}.get(record.status, f": answered {record.status}")
    return {
        "who": "orders",
        "what": "POST /orders" + ("" if record.accepted else why),
        "kind": "request",
        "from": None,
        "at_ms": 0.0,
        "took_ms": round(record.latency_ms, 3),
        "ok": record.accepted,
    }


def _calls(lines: Sequence[Line], parent: str, peers: Mapping[str, str], begin: float) -> Iterable[dict[str, Any]]:
    """A call as the asking side saw it. A request whose asking side left no span (it was killed) stands for itself."""
    answering = {line.parent: line.who for line in lines if line.kind == "request"}
    asking = {line.span: line for line in lines if line.kind == "call"}
    attempts: Counter[tuple[str, str]] = Counter()
    for line in sorted(asking.values(), key=lambda line: line.began):
        who = answering.get(line.span) or peers.get(line.to or "") or line.to or "nobody"
        attempts[line.parent, line.what] += 1
        yield _span(line, begin, who, line.who, attempt=attempts[line.parent, line.what])
    for line in lines:
        if line.kind == "request" and line.parent != parent and line.parent not in asking:
            yield _span(line, begin, line.who, None) | {"kind": "call"}


def _events(lines: Sequence[Line], begin: float) -> Iterable[dict[str, Any]]:
    for event in (line for line in lines if line.kind == "event"):
        after = [line for line in lines if line.parent == event.span]
        handled = [line for line in after if line.kind == "transaction"]
        acknowledged = [line for line in after if line.kind == "published"]
        arrivals = [(line.who, line.began) for line in handled] or [(KAFKA, line.began) for line in acknowledged[:1]]
        for who, at in arrivals:
            yield _span(event, begin, who, event.who) | {"took_ms": _ms(at, event.began)}
        if not arrivals:
            yield _span(event, begin, KAFKA, event.who) | {"took_ms": None, "ok": False}


def _span(line: Line, begin: float, who: str, asked_by: str | None, *, attempt: int = 1) -> dict[str, Any]:
    what = _ID.sub("{id}", line.what) + (f", attempt {attempt}" if attempt > 1 else "")
    return {
        "who": who,
        "what": what if line.ok else f"{what}: {_why(line)}",
        "kind": line.kind,
        "from": asked_by,
        "at_ms": _ms(line.began, begin),
        "took_ms": line.took_ms,
        "ok": line.ok,
    }


def _why(line: Line) -> str:
    says = line.says or "failed"
    if says == "CancelledError":
        return "given up, nobody waits any more"
    if "Cannot connect to host" in says:
        return "nobody listens there"
    return _ID.sub("{id}", _PEER.sub("", says))[:300]


def _is_seen(settled_at: float, lines: Sequence[Line]) -> bool:
    """Whether orders' span of the transaction that settled it is there."""
    slack = _CLOSE_ENOUGH_MS / 1000
    return any(
        line.kind == "transaction" and line.who == "orders" and line.began - slack <= settled_at <= line.ended + slack
        for line in lines
    )


def _settled(ending: Ending, begin: float) -> dict[str, Any]:
    assert ending.settled_at is not None
    return {
        "who": "orders",
        "what": f"the order is {ending.status}",
        "kind": "transaction",
        "from": None,
        "at_ms": _ms(ending.settled_at, begin),
        "took_ms": None,
        "ok": True,
    }


def _ms(at: float, begin: float) -> float:
    return round((at - begin) * 1000, 3)
