"""The data set's 92,331 products as entries of the shop's catalogue."""

from typing import Any

from lab.trace.dataset import read
from lab.trace.lines import Trace
from products_svc.schemas import CatalogueEntry

SPARE = 1_000_000
_COLUMNS = ["product_id", "department", "brand", "product_category", "product_type", "package_size"]
_LONGEST = 200


def catalogue() -> list[CatalogueEntry]:
    """Every product: its own number; a name made of what is known about it; the middle one of the prices it was sold at
    (0 where it never was); stock for two such years and ``SPARE`` pieces more. The same however much of the year is
    played, so that a product that is there already fits. Raises TraceMissing."""
    year = Trace.read()
    units, prices = year.units(), year.prices()
    return [
        CatalogueEntry(
            id=row.product_id,
            name=name_of(row),
            price=prices.get(row.product_id, 0),
            stock=2 * units.get(row.product_id, 0) + SPARE,
        )
        for row in read("products", _COLUMNS).itertuples(index=False)
    ]


def name_of(row: Any) -> str:
    """For example ``ICE - CRUSHED/CUBED, 22 LB (National, 25671)``: names alone are shared by many products."""
    what = next(
        text for text in map(_text, (row.product_type, row.product_category, row.department, "product")) if text
    )
    size = _text(row.package_size)
    named = f"{what}, {size}" if size else what
    tail = f" ({_text(row.brand) or 'no brand'}, {row.product_id})"
    return named[: _LONGEST - len(tail)].rstrip() + tail


def _text(value: Any) -> str:
    """One line; empty for what the data set leaves out."""
    return " ".join(value.split()) if isinstance(value, str) else ""
