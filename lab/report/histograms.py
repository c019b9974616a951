"""Raw histograms out of a document, of several rounds added up, as points of a percentile curve."""

import binascii
import zlib
from collections.abc import Sequence
from typing import Any

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

_UNREADABLE = (HdrCookieException, HdrLengthException, binascii.Error, zlib.error, ValueError, IndexError, TypeError)
_MOST_NINES = 5.0
_STEPS = 20

Curve = list[tuple[float, float]]
"""Nines (0 is the minimum, 1 is p90, 2 is p99, 3 is p99.9) and milliseconds."""


def curve(histograms: Sequence[Any]) -> tuple[Curve, int]:
    """The percentile curve of all histograms together (HdrHistogram V2, base64, microseconds), up to the point that a
    single value lies above, and how many values they hold. What cannot be read is left out: the text may be of another
    tool, or damaged."""
    counts: dict[int, int] = {}
    for text in histograms:
        try:
            found = HdrHistogram.decode(text) if text else None
        except _UNREADABLE:
            continue
        if found is None:
            continue
        for index, count in enumerate(found.counts):
            if count:
                value = found.get_highest_equivalent_value(found.get_value_from_index(index))
                counts[value] = counts.get(value, 0) + count
    total = sum(counts.values())
    return (_points(sorted(counts.items()), total), total) if total else ([], 0)


def _points(counts: list[tuple[int, int]], total: int) -> Curve:
    """A point at every twentieth of a nine, up to the last value there is."""
    points: Curve = []
    passed, at, wanted = 0, 0, 0
    while True:
        nines = wanted / _STEPS
        share = 1 - 10**-nines
        if nines > _MOST_NINES or 10**-nines * total < 1:
            break
        while passed + counts[at][1] < share * total:
            passed += counts[at][1]
            at += 1
        points.append((nines, counts[at][0] / 1000))
        wanted += 1
    return points
