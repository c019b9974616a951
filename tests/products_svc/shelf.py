"""What must be true of products' tables at any time, and events to try it with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from events.catalogue import OrderCancelled, OrderPlaced
from events.envelope import Envelope, record
from kit.ids import new_id


def placed(
    product_id: int = 2,
    quantity: int = 1,
    *,
    order_id: UUID | None = None,
    sequence: int = 1,
    unit_price: int = 20000,
) -> Envelope[OrderPlaced]:
    order = OrderPlaced(
        order_id=order_id or new_id(),
        product_id=product_id,
        product_name="MASK",
        product_version=1,
        quantity=quantity,
        unit_price=unit_price,
        amount=quantity * unit_price,
        customer_id="c-42",
        customer_name="Kim",
        address="Seoul",
    )
    return record(order, sequence=sequence, time=datetime.now(UTC))


def cancelled(order: Envelope[OrderPlaced]) -> Envelope[OrderCancelled]:
    undone = OrderCancelled(
        order_id=order.data.order_id,
        product_id=order.data.product_id,
        quantity=order.data.quantity,
        amount=order.data.amount,
        reason="changed my mind",
    )
    return record(undone, sequence=order.sequence + 2, time=datetime.now(UTC))


async def announced(sql: Any) -> list[tuple[str, dict[str, Any]]]:
    """Name and data of the events in the outbox, in order."""
    rows = await sql.fetch("SELECT headers, value FROM outbox ORDER BY id")
    return [(_name(row["headers"]), orjson.loads(row["value"])) for row in rows]


async def versions(sql: Any, product_id: int) -> list[int]:
    """The sequences under which a product's changes were announced."""
    query = "SELECT headers FROM outbox WHERE topic = 'products' AND key = $1 ORDER BY id"
    rows = await sql.fetch(query, str(product_id).encode())
    return [int(orjson.loads(row["headers"])["ce_sequence"]) for row in rows]


async def states(sql: Any, orders: Sequence[Envelope[OrderPlaced]]) -> list[str | None]:
    """What became of each order's reservation, None where there is none."""
    rows = await sql.fetch("SELECT order_id, state FROM reservations")
    known = {row["order_id"]: row["state"] for row in rows}
    return [known.get(order.data.order_id) for order in orders]


async def stock_of(sql: Any, product_id: int) -> int:
    return int(await sql.fetchval("SELECT stock FROM products WHERE id = $1", product_id))


async def assert_the_ledger_adds_up(sql: Any) -> None:
    """Stock is the sum of its movements, every balance is the sum so far and not negative, and what is reserved and not
    released is what the reservations hold."""
    wrong = await sql.fetch(
        """
        SELECT id, product_id FROM (
            SELECT id, product_id, balance, sum(delta) OVER (PARTITION BY product_id ORDER BY id) AS so_far
            FROM stock_ledger
        ) AS entries WHERE balance <> so_far OR balance < 0
        """
    )
    assert wrong == []
    unequal = await sql.fetch(
        """
        SELECT id, stock FROM products
        WHERE stock <> (SELECT coalesce(sum(delta), 0) FROM stock_ledger WHERE product_id = products.id)
           OR (SELECT coalesce(-sum(delta), 0) FROM stock_ledger
               WHERE product_id = products.id AND reason IN ('reserved', 'released'))
              <> (SELECT coalesce(sum(quantity), 0) FROM reservations
                  WHERE product_id = products.id AND state IN ('reserved', 'tried'))
        """
    )
    assert unequal == []


def _name(headers: bytes) -> str:
    return str(orjson.loads(headers)["ce_type"]).split(".")[2]
