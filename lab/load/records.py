"""What became of each order, as its sender saw it."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

NO_ANSWER = 0
"""Sent, and then neither answer nor refusal: the customer does not know whether there is an order."""
NOT_SENT = -1
"""There was no connection: refused, or none came about in time. Certainly no order."""


@dataclass(frozen=True, slots=True)
class Record:
    """``intended_at`` is Unix time in seconds; ``late_ms`` how much later the generator really sent it;
    ``latency_ms`` from the intended time until the answer (or until giving up); ``status`` the HTTP status,
    ``NO_ANSWER`` or ``NOT_SENT``; ``location`` where the answer said the order is, kept of bare orders only."""

    index: int
    intended_at: float
    late_ms: float
    latency_ms: float
    status: int
    location: str = ""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


def write_records(path: Path, records: Iterable[Record]) -> None:
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("index", "intended_at", "late_ms", "latency_ms", "status", "location"))
        for record in records:
            intended, late, latency = f"{record.intended_at:.6f}", f"{record.late_ms:.3f}", f"{record.latency_ms:.3f}"
            rows.writerow((record.index, intended, late, latency, record.status, record.location))


def read_records(path: Path) -> Iterator[Record]:
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        for index, intended_at, late_ms, latency_ms, status, location in rows:
            yield Record(int(index), float(intended_at), float(late_ms), float(latency_ms), int(status), location)
