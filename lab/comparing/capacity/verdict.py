"""Whether a step held, and if not, why: in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.comparing.outcomes import Known
from lab.load.records import Record

SHARE = 0.99
"""Of the orders offered, so many must be confirmed, with their delivery and their reservation, ..."""
WITHIN = 2.0
"""... so many seconds after they were due."""
HOPELESS = 0.9
"""A step that confirmed less than this in time is not tried again."""


@dataclass(frozen=True)
class Timely:
    """Of ``offered`` orders ``in_time`` were confirmed in time, ``late`` later than that; the rest was not."""

    offered: int
    in_time: int
    late: int

    @property
    def share(self) -> float:
        return self.in_time / self.offered if self.offered else 0.0


@dataclass(frozen=True)
class Step:
    """One rate that was tried. ``again``: it had been tried before, and had nearly held. ``rested``: afterwards the
    shop came to rest, so that another step can follow. ``grown``: backlogs, before and after, in events."""

    rate: float
    held: bool
    why: str
    again: bool
    rested: bool
    offered: int
    in_time_percent: float
    accept_p99_ms: float | None
    grown: Mapping[str, tuple[float, float]]


def timely(records: Iterable[Record], known: Mapping[int, Known], measured_from: float) -> Timely:
    """``measured_from`` (Unix time) cuts the warm-up off."""
    offered = in_time = late = 0
    for record in records:
        if record.intended_at < measured_from - 1e-6:
            continue
        offered += 1
        order = known.get(record.index)
        if order is None or order.status != "confirmed" or not order.kept or order.settled_at is None:
            continue
        on_time = order.settled_at.timestamp() - record.intended_at <= WITHIN
        in_time, late = in_time + on_time, late + (not on_time)
    return Timely(offered, in_time, late)


def judge(
    found: Timely, grown: Mapping[str, tuple[float, float]] | None, invalid: str | None, moving: Mapping[str, str]
) -> tuple[bool, str]:
    """``invalid`` is why the generator's figures must not be used, ``moving`` what still moved when the patience with
    the shop ended; ``grown`` None: the backlogs could not be watched."""
    reasons = [] if invalid is None else [f"nothing can be said of its times: {invalid}"]
    if found.share < SHARE and invalid is None:
        lost = found.offered - found.in_time - found.late
        reasons.append(
            f"{100 * found.share:.1f} % were confirmed within {WITHIN:g} s ({found.late:,} later, {lost:,} not at all)"
        )
    if grown is None:
        reasons.append("its backlogs could not be watched")
    for name, (before, after) in (grown or {}).items():
        reasons.append(f"{name}: grew from {before:,.0f} to {after:,.0f} events")
    reasons += [f"it did not come to rest: {what}: {how}" for what, how in moving.items()]
    if reasons:
        return False, "; ".join(reasons)
    return True, f"{100 * found.share:.1f} % were confirmed within {WITHIN:g} s, and no backlog grew"
