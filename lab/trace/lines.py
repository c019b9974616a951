"""The lines of the data set: what a household bought of one product in one go, in the order in which it was bought.

A line is what the shop calls an order. Left out, and counted, are lines that cannot be one: those without a quantity,
and those of a product that is not in the catalogue. Money is the line's amount in cents, never unit price x quantity:
many lines have no price in whole cents. The data set's times name no time zone; they are read as UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lab.trace.dataset import read

_COLUMNS = ["household_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]


class Line(NamedTuple):
    """``number`` counts the lines of the data set by time, from 0, those that are left out too; ``amount`` in cents."""

    number: int
    household: int
    product: int
    quantity: int
    amount: int
    at: datetime

    @property
    def customer(self) -> str:
        return f"household-{self.household}"


@dataclass(frozen=True)
class Counts:
    """``excluded`` = ``without_quantity`` + ``without_product`` - ``without_both``."""

    read: int
    kept: int
    without_quantity: int
    without_product: int
    without_both: int

    @property
    def excluded(self) -> int:
        return self.read - self.kept


class Trace:
    """The lines that are orders, held as columns (some 100 MB for the whole year); lines are made as they are asked
    for."""

    def __init__(self, frame: Any, counts: Counts) -> None:
        self._frame = frame
        self.counts = counts

    @classmethod
    def read(cls, limit: int | None = None) -> "Trace":
        """The first ``limit`` lines of the year, or all. Raises TraceMissing."""
        frame = read("transactions", _COLUMNS)
        frame = frame.sort_values("transaction_timestamp", kind="stable", ignore_index=True).head(limit)
        no_quantity = frame["quantity"] <= 0
        no_product = ~frame["product_id"].isin(read("products", ["product_id"])["product_id"])
        kept = frame[~(no_quantity | no_product)]
        counts = Counts(
            read=len(frame),
            kept=len(kept),
            without_quantity=int(no_quantity.sum()),
            without_product=int(no_product.sum()),
            without_both=int((no_quantity & no_product).sum()),
        )
        amount = (kept["sales_value"] * 100).round().astype("int64")
        return cls(kept.drop(columns="sales_value").assign(amount=amount), counts)

    def __len__(self) -> int:
        return len(self._frame)

    def since(self, begin: datetime) -> "Trace":
        """Those lines that were bought at ``begin`` (UTC) or later; the counts stay those of all that was read."""
        naive = begin.astimezone(UTC).replace(tzinfo=None)
        return Trace(self._frame[self._frame["transaction_timestamp"] >= naive], self.counts)

    def slice(self, first: int, after: int) -> list[Line]:
        """The lines at the places ``first`` to ``after`` - 1 among those that are orders."""
        some = self._frame.iloc[first:after]
        times = some["transaction_timestamp"].dt.tz_localize(UTC).dt.to_pydatetime()
        columns = [some[name].tolist() for name in ("household_id", "product_id", "quantity", "amount")]
        return list(map(Line, some.index.tolist(), *columns, list(times)))

    def __iter__(self) -> Iterator[Line]:
        for first in range(0, len(self), 10_000):
            yield from self.slice(first, first + 10_000)

    def place_of(self, number: int) -> int:
        """How many orders come before the line with that number."""
        return int(self._frame.index.searchsorted(number))

    def units(self, first: int = 0) -> dict[int, int]:
        """Pieces of each product, from the place ``first`` on."""
        sums = self._frame.iloc[first:].groupby("product_id")["quantity"].sum()
        return {int(product): int(units) for product, units in sums.items()}

    def prices(self) -> dict[int, int]:
        """Of each product that was sold the middle one of its lines' prices a piece, in whole cents."""
        price = self._frame["amount"] // self._frame["quantity"]
        middle = price.groupby(self._frame["product_id"]).quantile(0.5, interpolation="lower")
        return {int(product): int(cents) for product, cents in middle.items()}
