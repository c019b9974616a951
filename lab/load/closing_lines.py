"""What ``siege`` says at its end, from the records of a closed loop."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.load.records import Record


@dataclass(frozen=True)
class ClosingLines:
    """``transactions`` were answered with a status below 400, ``failed`` are all others: errors, no answer, nobody
    there. ``availability_percent`` is the share of the former. Times (seconds) are those of what was answered at all;
    ``concurrency`` is how many requests were under way on average. Figures are None when there is nothing to count."""

    transactions: int
    failed: int
    availability_percent: float | None
    elapsed_seconds: float
    transactions_per_second: float | None
    response_seconds: float | None
    shortest_seconds: float | None
    longest_seconds: float | None
    concurrency: float | None


def closing_lines(records: Iterable[Record]) -> ClosingLines:
    """Of all of them; siege knows no warm-up."""
    hits = failed = 0
    begin, end, busy = float("inf"), 0.0, 0.0
    times: list[float] = []
    for record in records:
        hit = 200 <= record.status < 400
        hits, failed = hits + hit, failed + (not hit)
        took = record.latency_ms / 1000
        begin, end, busy = min(begin, record.intended_at), max(end, record.intended_at + took), busy + took
        if record.status > 0:
            times.append(took)
    elapsed = max(end - begin, 0.0) if hits + failed else 0.0
    return ClosingLines(
        transactions=hits,
        failed=failed,
        availability_percent=100 * hits / (hits + failed) if hits + failed else None,
        elapsed_seconds=elapsed,
        transactions_per_second=hits / elapsed if elapsed else None,
        response_seconds=sum(times) / len(times) if times else None,
        shortest_seconds=min(times, default=None),
        longest_seconds=max(times, default=None),
        concurrency=busy / elapsed if elapsed else None,
    )
