"""Orders that were recorded beforehand: a file that says of each when, what, how many, and for whom."""

import csv
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEADER = ("offset", "product_id", "quantity", "customer")


class Arrival(NamedTuple):
    """``offset`` in seconds after the load's beginning."""

    offset: float
    product_id: int
    quantity: int
    customer: str


@dataclass
class Recorded:
    """The arrivals as columns: some 30 bytes each, so that a million of them are no matter."""

    offsets: "array[float]" = field(default_factory=lambda: array("d"))
    products: "array[int]" = field(default_factory=lambda: array("q"))
    quantities: "array[int]" = field(default_factory=lambda: array("q"))
    customers: list[str] = field(default_factory=list)


def write_recorded(path: Path, arrivals: Iterable[Arrival]) -> Recorded:
    """Writes the file, and returns what ``read_recorded`` will. The offsets must ascend."""
    kept = Recorded()
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for arrival in arrivals:
            rows.writerow((f"{arrival.offset:.6f}", *arrival[1:]))
            _keep(kept, arrival, {})
    return kept


def read_recorded(path: Path) -> Recorded:
    """Raises OSError, and ValueError for what is not such a file."""
    kept, names = Recorded(), dict[str, str]()
    with open(path, newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != HEADER:
            raise ValueError(f"{path} does not begin with {','.join(HEADER)}")
        for offset, product, quantity, customer in rows:
            _keep(kept, Arrival(float(offset), int(product), int(quantity), customer), names)
    return kept


def _keep(kept: Recorded, arrival: Arrival, names: dict[str, str]) -> None:
    """A customer's name is kept once, however often the customer orders."""
    kept.offsets.append(arrival.offset)
    kept.products.append(arrival.product_id)
    kept.quantities.append(arrival.quantity)
    kept.customers.append(names.setdefault(arrival.customer, arrival.customer))
