"""How long after a product changed orders' copy still showed the old state."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from lab.load.histogram import encoded, histogram, percentiles
from lab.running.layout import Layout
from orders_svc.read_models.product_copy import MODEL

Change = tuple[float, float]
"""Unix times: when the product changed, and when the copy showed it."""


async def staleness(layout: Layout, spans: Path, measured_from: float, now: float) -> dict[str, Any] | None:
    """Of all changes of products since ``measured_from``: ``p50``, ``p95``, ``p99`` and ``max`` in ms, the
    ``histogram`` (HdrHistogram V2, base64, microseconds, an hour at most) and how many ``changes`` there were. None
    where there is no copy (all wirings but ``events``), and when nothing changed.

    A change is one ProductChanged: stock taken or put back by one batch of orders, a price. It begins at its business
    time, which products takes before it commits the change, and ends right after the transaction that has it (or a
    later version) in the copy, by the clock of the copy's worker: ``spans`` is what the worker wrote, a line a
    transaction. Both clocks are this machine's. A change that the copy does not show yet at ``now`` counts with its
    age, so that a copy that stands still does not look fresh. What a worker that was killed had committed within its
    last moment and not written down is not counted.
    """
    if layout.wiring != "events":
        return None
    return figures([*copied(spans), *((began, now) for began in await _behind(layout))], measured_from)


def figures(changes: Iterable[Change], measured_from: float) -> dict[str, Any] | None:
    """See ``staleness``."""
    values = histogram(max(shown - began, 0.0) * 1000 for began, shown in changes if began >= measured_from)
    if values.total_count == 0:
        return None
    return {**percentiles(values), "histogram": encoded(values), "changes": values.total_count}


def copied(spans: Path) -> Iterator[Change]:
    """All changes that the product copy's worker wrote down."""
    if not spans.exists():
        return
    with open(spans, "rb") as file:
        for raw in file:
            if b'"copied"' not in raw:
                continue
            try:
                line: dict[str, Any] = orjson.loads(raw)
            except orjson.JSONDecodeError:
                continue
            if line["kind"] == "copied" and line["who"] == MODEL.name:
                yield from ((changed_at, line["at"]) for _, _, changed_at in line["changes"])


async def _behind(layout: Layout) -> list[float]:
    """When those products changed last whose copy is older; nothing when a database is away."""
    try:
        products = await _versions(layout.auditor_url("products"), "SELECT id, version, changed_at FROM products")
        copy = await _versions(
            layout.auditor_url("orders"), "SELECT product_id AS id, version, changed_at FROM product_copy"
        )
    except (OSError, asyncpg.PostgresError):
        return []
    return [at for product, (version, at) in products.items() if copy.get(product, (0, 0.0))[0] < version]


async def _versions(url: str, sql: str) -> Mapping[int, tuple[int, float]]:
    connection = await asyncpg.connect(url)
    try:
        return {row["id"]: (row["version"], row["changed_at"].timestamp()) for row in await connection.fetch(sql)}
    finally:
        await connection.close()
