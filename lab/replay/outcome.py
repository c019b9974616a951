"""What a rebuild did, and what it proved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table in figures: two with the same ones hold the same rows."""

    rows: int
    checksum: str


@dataclass
class Counts:
    """Records read, by what they were."""

    read: int = 0
    decoded: int = 0
    skipped: int = 0
    unreadable: int = 0


@dataclass
class Rebuild:
    """What was done and what it proved. ``differences`` maps product ids to what the live and the new table say."""

    read: int = 0
    decoded: int = 0
    skipped: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    live: Table = Table(0, "0")
    rebuilt: Table = Table(0, "0")
    differences: dict[str, str] = field(default_factory=dict)
    swapped: bool = False

    def add(self, counts: Counts) -> None:
        self.read += counts.read
        self.decoded += counts.decoded
        self.skipped += counts.skipped
        self.unreadable += counts.unreadable

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt and not self.differences


def summary(done: Rebuild) -> Mapping[str, Any]:
    """For JSON."""
    return {
        "read": done.read,
        "decoded": done.decoded,
        "skipped": done.skipped,
        "unreadable": done.unreadable,
        "seconds": round(done.seconds, 3),
        "events_per_second": round(done.read / done.seconds) if done.seconds else None,
        "equal": done.equal,
        "swapped": done.swapped,
        "live": {"rows": done.live.rows, "checksum": done.live.checksum},
        "rebuilt": {"rows": done.rebuilt.rows, "checksum": done.rebuilt.checksum},
        "differences": done.differences,
    }
