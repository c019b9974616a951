"""Latencies in an HdrHistogram: microseconds, three significant digits, up to an hour."""

from collections.abc import Iterable
from typing import Any

from hdrh.histogram import HdrHistogram

_HIGHEST = 3_600_000_000


def histogram(milliseconds: Iterable[float]) -> Any:
    """An HdrHistogram of microseconds; what lies beyond an hour is counted as an hour."""
    values = HdrHistogram(1, _HIGHEST, 3)
    for value in milliseconds:
        values.record_value(min(max(round(value * 1000), 1), _HIGHEST))
    return values


def percentiles(values: Any) -> dict[str, float | None]:
    """p50, p95, p99 and max in milliseconds; None where nothing was recorded."""
    if values.total_count == 0:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    found = {f"p{p}": round(values.get_value_at_percentile(p) / 1000, 3) for p in (50, 95, 99)}
    return {**found, "max": round(values.get_max_value() / 1000, 3)}


def encoded(values: Any) -> str:
    """HdrHistogram's own compressed base64 form (V2), for any of its tools."""
    text: bytes = values.encode()
    return text.decode()
