"""A round second by second: what was offered, accepted and settled, what waited, and which circuits were open."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.comparing.outcomes import Known
from lab.comparing.sampling import Sample
from lab.load.histogram import histogram, percentiles
from lab.load.records import Record


def series(
    records: Iterable[Record], known: Mapping[int, Known], measured_from: float, samples: Sequence[Sample]
) -> dict[str, Any]:
    """Lists of equal length, JSON-ready; entry *n* is about the second that begins *n* seconds after ``measured_from``
    (Unix time), until the last one in which an order was offered, accepted or settled or something still waited.

    Orders of the warm-up are left out, so that ``offered`` and ``accepted`` add up to the load's, and ``settled`` to
    the outcomes' settled ones. ``offered`` and ``accept_p99_ms`` go by when an order was meant to be sent, ``accepted``
    by when its answer came, ``settled`` by when it was settled. ``accept_p99_ms`` is None where no order was accepted.
    ``lag``, ``outbox`` and ``circuits`` are what the last look in that second saw (see ``Sample``), None where there
    was none; ``circuits`` has the links that were seen at all.
    """
    offered: Counter[int] = Counter()
    accepted: Counter[int] = Counter()
    settled: Counter[int] = Counter()
    latencies: dict[int, list[float]] = defaultdict(list)
    for record in records:
        if record.intended_at < measured_from - 1e-6:
            continue
        second = _second(record.intended_at, measured_from)
        offered[second] += 1
        if record.accepted:
            accepted[_second(record.intended_at + record.latency_ms / 1000, measured_from)] += 1
            latencies[second].append(record.latency_ms)
        order = known.get(record.index)
        if order is not None and order.settled_at is not None:
            settled[_second(order.settled_at.timestamp(), measured_from)] += 1
    seen = {_second(one.at, measured_from): one for one in samples if one.at >= measured_from}
    busy = [second for second, one in seen.items() if one.lag or one.outbox]
    seconds = range(max([*offered, *accepted, *settled, *busy]) + 1 if offered else 0)
    links = sorted({link for one in seen.values() for link in one.circuits})
    looks = [seen.get(second) for second in seconds]
    return {
        "seconds": list(seconds),
        "offered": [offered[second] for second in seconds],
        "accepted": [accepted[second] for second in seconds],
        "settled": [settled[second] for second in seconds],
        "accept_p99_ms": [percentiles(histogram(latencies.get(second, ())))["p99"] for second in seconds],
        "lag": [None if one is None else one.lag for one in looks],
        "outbox": [None if one is None else one.outbox for one in looks],
        "circuits": {link: [None if one is None else one.circuits.get(link) for one in looks] for link in links},
    }


def _second(at: float, measured_from: float) -> int:
    """A clock that was set back, or a database's that is a little behind, cannot make it earlier than the first."""
    return max(int(at - measured_from + 1e-6), 0)
