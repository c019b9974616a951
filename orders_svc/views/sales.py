"""What was sold, by day and product, out of the read model sales."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import ConfigDict, Field, field_validator
from sqlalchemy import BigInteger, Date, Integer, bindparam, or_, select, tuple_

from kit.database import Connection, Query, Row
from kit.text import MAX_BIGINT, Answer, Body
from orders_svc.read_models.sales import sales

EXAMPLE: dict[str, Any] = {"day": "2026-11-23", "productId": 2, "orders": 12, "units": 14, "revenue": 280000}

_product = bindparam("product_id", type_=BigInteger)
_PAGE = Query(
    select(sales)
    .where(
        sales.c.orders > 0,
        sales.c.day.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
        or_(_product.is_(None), sales.c.product_id == _product),
        tuple_(sales.c.day, sales.c.product_id)
        > tuple_(bindparam("after_day", type_=Date), bindparam("after_product", type_=BigInteger)),
    )
    .order_by(sales.c.day, sales.c.product_id)
    .limit(bindparam("limit", type_=Integer))
)


class SalesPage(Body):
    """Which days (UTC) and products, a page at a time, ordered by day and product."""

    first: date = Field(default=date(1, 1, 1), alias="from", description="the first day")
    last: date = Field(default=date(9999, 12, 31), alias="to", description="the last day")
    product_id: int | None = Field(default=None, ge=1, le=MAX_BIGINT, description="only this product")
    limit: int = Field(default=100, ge=1, le=1000, description="most rows a page")
    after: str | None = Field(default=None, description="only rows after this one, DAY.PRODUCT; the last page's end")

    @field_validator("after")
    @classmethod
    def _day_and_product(cls, value: str | None) -> str | None:
        if value is not None:
            place_of(value)
        return value


class SalesRow(Answer):
    """Confirmed orders of a product that were placed on that day (UTC). ``revenue`` in cents."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    day: date
    product_id: int
    orders: int
    units: int
    revenue: int


class SalesAnswer(Answer):
    """A page of sales; ``next`` is the path of the following one, null on the last."""

    items: list[SalesRow]
    next: str | None


def place_of(text: str) -> tuple[date, int]:
    """A row's place in the order, as ``after`` says it. Raises ValueError."""
    day, dot, product = text.partition(".")
    if not dot or not (product.isascii() and product.isdecimal()) or int(product) > MAX_BIGINT:
        raise ValueError("give a day and a product's number, such as 2026-11-23.2")
    return date.fromisoformat(day), int(product)


async def page(connection: Connection, wanted: SalesPage, limit: int) -> Sequence[Row]:
    """``limit`` rows of ``SalesRow``, by day and product."""
    day, product = place_of(wanted.after) if wanted.after else (date(1, 1, 1), -1)
    return await connection.fetch(
        _PAGE,
        first=wanted.first,
        last=wanted.last,
        product_id=wanted.product_id,
        after_day=day,
        after_product=product,
        limit=limit,
    )


def row_json(row: Row) -> dict[str, Any]:
    return {
        "day": row["day"],
        "productId": row["product_id"],
        "orders": row["orders"],
        "units": row["units"],
        "revenue": row["revenue"],
    }
