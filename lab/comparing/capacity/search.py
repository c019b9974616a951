"""Finding the highest rate that holds: up in doublings until one does not, then halving the gap."""

import math
from collections.abc import Generator

Search = Generator[float, bool, float | None]
"""Yields a rate to try, is sent whether it held, and returns the highest that did (None: not even the lowest did)."""


def search(first: float, *, lowest: float, highest: float, precision: float) -> Search:
    """Never tries a rate outside ``lowest`` to ``highest``, nor one twice. ``precision`` 0.1: the next rate that was
    tried and did not hold is at most a tenth higher than what is returned.

    Where one rate holds and a lower one would not, as noise may have it, what is returned did hold when it was tried.
    Raises ValueError for bounds or a precision that cannot be.
    """
    if not 0 < lowest <= first <= highest or not 0.02 <= precision <= 1:
        raise ValueError("a search begins between its lowest and highest rate, and its precision is 0.02 to 1")
    held: float | None = None
    fell: float | None = None
    rate = first
    while held is None or fell is None:
        if (yield rate):
            held = rate
            if rate == highest:
                return held
            rate = min(rate * 2, highest)
        else:
            fell = rate
            if rate == lowest:
                return None
            rate = max(rate / 2, lowest)
    while fell / held > 1 + precision:
        rate = between(held, fell)
        if (yield rate):
            held = rate
        else:
            fell = rate
    return held


def between(low: float, high: float) -> float:
    """The middle as rates go (their geometric mean), in three digits."""
    middle = math.sqrt(low * high)
    return round(middle, 2 - math.floor(math.log10(middle)))
