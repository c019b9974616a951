"""Whether what was to be done to a round was done to it, and what became of a service in it."""

from collections.abc import Sequence
from typing import Any

from lab.comparing.faults import Hit

_SERVICES = ("orders", "products", "delivery")
MOST_LATE = 0.5
"""Seconds by which a load may begin late: no fault is short enough for that to matter."""


def why_missed(hits: Sequence[Hit], *, until: float, step: str) -> str | None:
    """Why the round must not be used: a fault came when the last order had been sent (Unix time ``until``), or not at
    all. None when all is as it should be."""
    for hit in hits:
        if hit.began_at >= until:
            return f"{hit.target} was hit {hit.began_at - until:.1f} s after the last order was due"
        if hit.count == 0:
            return f"none of the changes of {hit.target} was accepted"
    if step and not hits:
        return f"orders never came to the step {step}"
    return None


def why_late(*, planned: float, began: float, rate: float) -> str | None:
    """Why the round must not be used: its first order was due (Unix time ``began``) so much after it was ``planned``
    that the faults, which go by the plan, hit another part of the load. Of random arrivals the first may be due some
    gaps later; ``rate`` is 0 in a closed loop."""
    late = began - planned
    return f"the load generator began {late:.1f} s late" if late > MOST_LATE + (20 / rate if rate else 0) else None


def outage(hits: Sequence[Hit]) -> dict[str, Any] | None:
    """When a service was really away: Unix times of its death and of its being ready again."""
    for hit in hits:
        if hit.kind in ("kill", "crash") and hit.target in _SERVICES:
            return {"service": hit.target, "killed_at": hit.began_at, "ready_at": hit.ended_at}
    return None
