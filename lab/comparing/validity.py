"""Whether what was to be done to a round was done to it, and what became of a service in it."""

from collections.abc import Sequence
from typing import Any

from lab.comparing.faults import Hit

_SERVICES = ("orders", "products", "delivery")


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


def outage(hits: Sequence[Hit]) -> dict[str, Any] | None:
    """When a service was really away: Unix times of its death and of its being ready again."""
    for hit in hits:
        if hit.kind in ("kill", "crash") and hit.target in _SERVICES:
            return {"service": hit.target, "killed_at": hit.began_at, "ready_at": hit.ended_at}
    return None
