"""A small shop that adds up, in three databases with the services' tables, and ways to spoil it."""

import uuid
from dataclasses import dataclass
from typing import Any

from kit.ids import new_id
from lab.audit import Databases

SCHEMA = {
    "orders": """
        CREATE TABLE orders (id uuid PRIMARY KEY, product_id bigint, product_name text DEFAULT 'MASK',
            product_version bigint DEFAULT 1, quantity bigint, unit_price bigint, amount bigint, customer_id text,
            customer_name text, address text, status text, reason text, version int DEFAULT 1,
            placed_at timestamptz DEFAULT clock_timestamp() - interval '1 minute', settled_at timestamptz,
            changed_at timestamptz DEFAULT clock_timestamp() - interval '1 minute',
            price_seen_at timestamptz, promised_at timestamptz);
        CREATE TABLE tcc_transactions (order_id uuid PRIMARY KEY, phase text, reason text, heuristic text,
            begun_at timestamptz DEFAULT clock_timestamp() - interval '1 minute');
        CREATE TABLE product_copy (product_id bigint PRIMARY KEY, name text, price bigint, stock bigint,
            image_url text, withdrawn boolean, version bigint, changed_at timestamptz DEFAULT clock_timestamp());""",
    "products": """
        CREATE TABLE products (id bigint PRIMARY KEY, name text, price bigint, stock bigint, image_url text,
            withdrawn boolean, version bigint, changed_at timestamptz DEFAULT clock_timestamp());
        CREATE TABLE reservations (order_id uuid PRIMARY KEY, product_id bigint, quantity bigint, state text,
            reason text, version int DEFAULT 1, changed_at timestamptz DEFAULT clock_timestamp() - interval '1 minute',
            outdated_price boolean NOT NULL DEFAULT false);
        CREATE TABLE stock_ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id bigint, delta bigint,
            balance bigint, reason text, order_id uuid, idempotency_key text,
            at timestamptz DEFAULT clock_timestamp());""",
    "delivery": """
        CREATE TABLE deliveries (order_id uuid PRIMARY KEY, delivery_id uuid DEFAULT gen_random_uuid(), state text,
            product_id bigint, quantity bigint, version int DEFAULT 1,
            changed_at timestamptz DEFAULT clock_timestamp() - interval '1 minute');""",
}
BOOKS = """
    CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text, key bytea, value bytea,
        headers bytea, recorded_at timestamptz DEFAULT clock_timestamp());
    CREATE TABLE dead_letters (id uuid PRIMARY KEY, consumer text, topic text, partition int, "offset" bigint,
        error text, died_at timestamptz DEFAULT clock_timestamp(), requeued_at timestamptz, discarded_at timestamptz,
        discarded_why text);"""


@dataclass
class Shop:
    """A small shop in three databases. ``run`` executes SQL in one of them."""

    databases: Databases
    orders: Any
    products: Any
    delivery: Any

    async def run(self, service: str, sql: str, *arguments: object) -> None:
        await getattr(self, service).execute(sql, *arguments)

    async def place(
        self,
        status: str,
        reservation: str | None = None,
        delivery: str | None = None,
        *,
        age: float = 60,
        quantity: int = 2,
    ) -> str:
        """An order of product 1 in that state, with what the other services keep about it; its id."""
        order = new_id()
        changed = f"clock_timestamp() - interval '{age} seconds'"
        await self.orders.execute(
            "INSERT INTO orders (id, product_id, quantity, unit_price, amount, customer_id, status, placed_at,"
            f" changed_at) VALUES ($1, 1, $2, 100, $2 * 100::bigint, 'c', $3, {changed}, {changed})",
            order, quantity, status,
        )  # fmt: skip
        if reservation is not None:
            await self.reserve(order, reservation, quantity, changed)
        if delivery is not None:
            await self.delivery.execute(
                "INSERT INTO deliveries (order_id, state, product_id, quantity, changed_at)"
                f" VALUES ($1, $2, 1, $3, {changed})",
                order, delivery, quantity,
            )  # fmt: skip
        return str(order)

    async def reserve(self, order: uuid.UUID, state: str, quantity: int, changed: str = "clock_timestamp()") -> None:
        await self.products.execute(
            f"INSERT INTO reservations (order_id, product_id, quantity, state, changed_at)"
            f" VALUES ($1, 1, $2, $3, {changed})",
            order, quantity, state,
        )  # fmt: skip
        if state in ("reserved", "tried", "released", "expired"):
            await self.move(-quantity, "reserved", order)
        if state in ("released", "expired"):
            await self.move(quantity, "released", order)

    async def move(self, delta: int, reason: str, order: uuid.UUID | None = None) -> None:
        """Changes product 1's stock and writes the ledger entry, as the products service does."""
        stock = await self.products.fetchval(
            "UPDATE products SET stock = stock + $1 WHERE id = 1 RETURNING stock", delta
        )
        await self.orders.execute("UPDATE product_copy SET stock = $1 WHERE product_id = 1", stock)
        await self.products.execute(
            "INSERT INTO stock_ledger (product_id, delta, balance, reason, order_id) VALUES (1, $1, $2, $3, $4)",
            delta, stock, reason, order,
        )  # fmt: skip


async def fill(shop: Shop) -> None:
    for product in (1, 2):
        state = (product, f"product {product}", product * 100, 0, "", False, 1)
        for service, table in (("products", "products"), ("orders", "product_copy")):
            await shop.run(service, f"INSERT INTO {table} VALUES ($1, $2, $3, $4, $5, $6, $7)", *state)
    await shop.move(1000, "put_in")
    await shop.place("confirmed", "reserved", "started")
    await shop.place("confirmed", "reserved", "completed")
    await shop.place("rejected", "rejected", "not_needed")
    await shop.place("cancelled", "released", "cancelled")
    await shop.place("cancelled", None, "cancelled")


def at(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"
