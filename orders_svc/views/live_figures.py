"""The live figures: what the read model has counted of the last minutes, as far as it is complete."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from kit import database as db
from kit.problems import unavailable
from kit.text import Answer, Body
from orders_svc.read_models.live_figures.rows import live_minutes, live_products, live_standing
from orders_svc.read_models.product_copy import product_copy

TOP = 10
_MINUTE = timedelta(minutes=1)
_COUNTERS = ("placed", "confirmed", "rejected", "cancelled")

_since = sa.bindparam("since", type_=sa.DateTime(timezone=True))
_AS_OF = db.Query(sa.select(sa.func.min(live_standing.c.as_of).label("as_of"), sa.func.clock_timestamp().label("now")))
_MINUTES = db.Query(
    sa.select(live_minutes.c.minute, *(sa.cast(sa.func.sum(live_minutes.c[name]), sa.BigInteger) for name in _COUNTERS))
    .where(live_minutes.c.minute >= _since)
    .group_by(live_minutes.c.minute)
)
_sold = (
    sa.select(
        live_products.c.product_id,
        sa.cast(sa.func.sum(live_products.c.orders), sa.BigInteger).label("orders"),
        sa.cast(sa.func.sum(live_products.c.units), sa.BigInteger).label("units"),
    )
    .where(live_products.c.minute >= _since)
    .group_by(live_products.c.product_id)
    .order_by(sa.desc("orders"), sa.desc("units"), live_products.c.product_id)
    .limit(TOP)
    .subquery("sold")
)
_PRODUCTS = db.Query(
    sa.select(_sold, product_copy.c.name)
    .outerjoin_from(_sold, product_copy, product_copy.c.product_id == _sold.c.product_id)
    .order_by(_sold.c.orders.desc(), _sold.c.units.desc(), _sold.c.product_id)
)


class LastMinutes(Body):
    """How far live figures look back."""

    minutes: int = Field(default=5, ge=1, le=60, description="whole minutes, besides the one that is running")


class MinuteAnswer(Answer):
    """What the broker was given in one minute (UTC)."""

    minute: datetime
    placed: int
    confirmed: int
    rejected: int
    cancelled: int


class SoldAnswer(Answer):
    """A product by the orders placed for it, and the units they ask for."""

    product_id: int
    product_name: str | None = Field(description="null while the product copy does not know it")
    orders: int
    units: int


class FiguresAnswer(Answer):
    """Live figures, oldest minute first, the running one last. Everything before ``until`` is counted."""

    from_: datetime = Field(alias="from")
    until: datetime
    stale_seconds: float = Field(description="how long ago that was")
    orders_per_minute: float = Field(description="orders placed from `from` to `until`")
    rejected_percent: float | None = Field(description="of those confirmed or rejected; null when there were none")
    minutes: list[MinuteAnswer]
    top_products: list[SoldAnswer] = Field(description="the ten with most orders, those first")


async def figures(connection: db.Connection, minutes: int) -> dict[str, Any]:
    """The figures of the last ``minutes`` whole minutes and of the running one, up to the moment until which all
    partitions are counted: a ``FiguresAnswer``, ready for ``dumps``. Problem: 503 before anything was counted."""
    stands = await connection.fetch_one(_AS_OF)
    if stands is None or stands["as_of"] is None:
        raise unavailable("live-figures has counted nothing yet")
    until: datetime = stands["as_of"]
    running = until.replace(second=0, microsecond=0)
    since = running - minutes * _MINUTE
    rows = {row["minute"]: tuple(row.values())[1:] for row in await connection.fetch(_MINUTES, since=since)}
    every = [since + number * _MINUTE for number in range(minutes + 1)]
    counts = {minute: dict(zip(_COUNTERS, rows.get(minute, (0, 0, 0, 0)), strict=True)) for minute in every}
    placed, confirmed, rejected, _ = (sum(count[name] for count in counts.values()) for name in _COUNTERS)
    return {
        "from": since,
        "until": until,
        "staleSeconds": round(max(0.0, (stands["now"] - until).total_seconds()), 1),
        "ordersPerMinute": round(placed / ((until - since) / _MINUTE), 1),
        "rejectedPercent": round(100 * rejected / (confirmed + rejected), 1) if confirmed + rejected else None,
        "minutes": [{"minute": minute, **count} for minute, count in counts.items()],
        "topProducts": [
            {"productId": row["product_id"], "productName": row["name"], "orders": row["orders"], "units": row["units"]}
            for row in await connection.fetch(_PRODUCTS, since=since)
        ],
    }
