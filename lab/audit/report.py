"""The outcome of an audit: per rule how much was looked at, and what was found, id by id."""

from dataclasses import dataclass, field
from typing import Any

KEPT = 100_000
"""Ids kept per rule; beyond that, findings are only counted."""


@dataclass
class Check:
    """One rule. ``found`` maps what was found to what is wrong with it; ``notice`` is reported but no finding."""

    rule: str
    looked_at: int = 0
    notice: bool = False
    found: dict[str, str] = field(default_factory=dict)
    beyond: int = 0

    def add(self, thing: str, wrong: str) -> None:
        if len(self.found) < KEPT:
            self.found[thing] = wrong
        else:
            self.beyond += 1

    @property
    def count(self) -> int:
        return len(self.found) + self.beyond

    def confirmed_by(self, second: "Check") -> "Check":
        """What stands at a second look: found by both, in the words of the later one."""
        standing = {thing: wrong for thing, wrong in second.found.items() if thing in self.found or self.beyond}
        return Check(self.rule, second.looked_at, self.notice, standing, min(self.beyond, second.beyond))

    def as_dict(self, ids: int) -> dict[str, Any]:
        listed = [{"id": thing, "wrong": wrong} for thing, wrong in list(self.found.items())[:ids]]
        return {"rule": self.rule, "looked_at": self.looked_at, "count": self.count, "notice": self.notice} | {
            "found": listed
        }


@dataclass
class Audit:
    """All checks of one audit. ``live``: orders kept arriving, and what was younger than the cut was not judged."""

    checks: list[Check]
    counts: dict[str, int]
    live: bool
    waited_seconds: float
    seconds: float

    @property
    def findings(self) -> int:
        return sum(check.count for check in self.checks if not check.notice)

    @property
    def clean(self) -> bool:
        return self.findings == 0

    def as_dict(self, ids: int = 1000) -> dict[str, Any]:
        """For JSON; at most ``ids`` ids a rule, the counts are exact."""
        return {
            "clean": self.clean,
            "findings": self.findings,
            "live": self.live,
            "counts": self.counts,
            "waited_seconds": round(self.waited_seconds, 3),
            "seconds": round(self.seconds, 3),
            "checks": [check.as_dict(ids) for check in self.checks],
        }
