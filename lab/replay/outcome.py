"""What a replay has read, and what it proved."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAMED = 100
"""So many unreadable events, and differences of a table, are named; all are counted."""


@dataclass
class Counts:
    """Records read, by what they were: ``decoded``, ``superseded`` (a newer one of the same key made them superfluous,
    so they were not decoded), ``skipped`` (of a type that the model has no function for, by type), ``unreadable`` (they
    cannot be decoded or stored; the live model has passed over them, too). ``read`` is the sum."""

    read: int = 0
    decoded: int = 0
    superseded: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    why: dict[str, str] = field(default_factory=dict)

    def broken(self, place: str, error: object) -> None:
        self.unreadable += 1
        if len(self.why) < NAMED:
            self.why[place] = " ".join(str(error).split())[:300]

    def as_dict(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "decoded": self.decoded,
            "superseded": self.superseded,
            "skipped": sum(self.skipped.values()),
            "skipped_types": dict(sorted(self.skipped.items())),
            "unreadable": self.unreadable,
            "unreadable_events": self.why,
        }


@dataclass(frozen=True)
class Digest:
    """A table in figures: two with the same ones hold the same rows."""

    rows: int
    checksum: str


@dataclass(frozen=True)
class Proof:
    """One table of the live model against the rebuilt one, at the same positions. ``differences`` names up to ``NAMED``
    keys, and what each of the two says."""

    table: str
    live: Digest
    rebuilt: Digest
    differences: Mapping[str, str] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt

    def as_dict(self) -> dict[str, Any]:
        digests = {"live": self.live, "rebuilt": self.rebuilt}
        return {
            "equal": self.equal,
            **{name: {"rows": digest.rows, "checksum": digest.checksum} for name, digest in digests.items()},
            "differences": dict(self.differences),
        }


@dataclass
class Rebuild:
    """``behind``: how many events the live model had still before it when the two were compared; the rebuilt one was
    taken on to the topics' ends after that. ``waited_seconds`` of ``seconds`` the live model was waited for."""

    model: str
    counts: Counts = field(default_factory=Counts)
    proofs: list[Proof] = field(default_factory=list)
    behind: int = 0
    swapped: bool = False
    seconds: float = 0.0
    waited_seconds: float = 0.0

    @property
    def equal(self) -> bool:
        return all(proof.equal for proof in self.proofs)

    @property
    def rate(self) -> float:
        """Events a second, without the time that the live model was waited for."""
        return self.counts.read / max(self.seconds - self.waited_seconds, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            **self.counts.as_dict(),
            "seconds": round(self.seconds, 3),
            "waited_seconds": round(self.waited_seconds, 3),
            "events_per_second": round(self.rate),
            "equal": self.equal,
            "behind": self.behind,
            "swapped": self.swapped,
            "tables": {proof.table: proof.as_dict() for proof in self.proofs},
        }
