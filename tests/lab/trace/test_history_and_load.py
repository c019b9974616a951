"""A slice of the real year in a shop of its own, in the order in which a person would do it: seed it (killed in the
middle, and again), open the shop, put the same lines on it as load, close it, seed more."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from events.log_bounds import log_bounds
from kit.ids import lowest_id
from lab.audit import audit
from lab.backends import Addresses, backends_from_environment
from lab.load.kept import what_was_kept
from lab.load.records import Record
from lab.running.lag import Lag
from lab.running.layout import SERVICES, Layout, running_shop
from lab.running.shop import Ground
from lab.supervision import Home, Supervisor
from lab.trace.history import OPENING
from lab.trace.lines import Trace
from lab.trace.order_ids import AFTER
from lab.trace.sales import compare, expected_sales
from tests.lab.commands.command_line import CommandLine
from tests.waiting import eventually

LINES = 3000
TABLES = {"orders": "orders", "products": "reservations", "delivery": "deliveries"}

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Seeded:
    line: CommandLine
    layout: Layout
    killed_at: int
    """Orders that were there when the first run was killed."""
    done: dict[str, Any]
    """What the second run said."""

    async def value(self, service: str, sql: str, *arguments: object) -> Any:
        return await value(self.layout, service, sql, *arguments)

    async def ends(self) -> dict[str, int]:
        """Records on each topic."""
        bounds = await log_bounds(self.layout.broker(), ["orders", "stock", "deliveries"])
        ends = dict.fromkeys(("orders", "stock", "deliveries"), 0)
        for (topic, _), bound in bounds.items():
            ends[topic.rpartition(".")[2]] += bound.end
        return ends


async def value(layout: Layout, service: str, sql: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(layout.service_url(service))
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


async def orders_there(layout: Layout) -> int:
    try:
        count: int = await value(layout, "orders", "SELECT count(*) FROM orders")
    except (asyncpg.PostgresError, OSError):
        return 0  # the database, its role or its table are not there yet
    return count


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory, addresses: Addresses) -> Iterator[Seeded]:
    home = Home(tmp_path_factory.mktemp("year") / "home")
    line = CommandLine(home.root, addresses)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
        patch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
        on = Ground(home, backends_from_environment(home), Supervisor(home))
        layout = on.layout("events", "events", "shop", usual_ports=False)
        killed_at = kill_in_the_middle(line.home, layout)
        done = line.json("seed-history", "--limit", str(LINES), "--batch", "500")
        yield Seeded(line, layout, killed_at, done)
    line.run("down", "--wipe")


def kill_in_the_middle(home: Path, layout: Layout) -> int:
    """``shop seed-history`` with small batches, killed (-9) after some of them; how many orders it had written."""
    command = [sys.executable, "-m", "lab", "seed-history", "--limit", str(LINES), "--batch", "50"]
    process = subprocess.Popen(
        command, env={**os.environ, "SHOP_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    async def some() -> bool:
        assert process.poll() is None, "it ended before it was killed"
        return await orders_there(layout) >= 300

    try:
        asyncio.run(eventually(some, within=150, every=0.05))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return asyncio.run(orders_there(layout))


def kept_lines() -> list[Any]:
    return list(Trace.read(LINES))


async def test_killed_and_run_again_it_has_written_every_order_once(seeded: Seeded) -> None:
    lines = kept_lines()
    assert 300 <= seeded.killed_at < len(lines)
    assert seeded.done["orders_written"] == len(lines) - seeded.killed_at
    assert seeded.done["orders_present"] == len(lines)
    for service, table in TABLES.items():
        assert await seeded.value(service, f"SELECT count(*) FROM {table}") == len(lines), service
        assert await seeded.value(service, "SELECT count(*) FROM outbox") == 0, service
    assert await seeded.value("orders", "SELECT sum(amount) FROM orders") == sum(line.amount for line in lines)
    assert await seeded.value("orders", "SELECT max(placed_at) FROM orders") == lines[-1].at, "the business time"
    opened = "SELECT min(at) FROM stock_ledger WHERE product_id = $1"
    assert await seeded.value("products", opened, lines[0].product) == OPENING, "the stock was there before"


async def test_sales_by_the_orders_and_by_the_read_model_are_what_the_data_set_says(seeded: Seeded) -> None:
    found = {one["source"]: one for one in seeded.done["sales"]}
    assert found.keys() == {"orders", "read model"}
    assert all(one["equal"] for one in found.values()), found
    assert all(one["orders"] == len(kept_lines()) for one in found.values())


async def test_an_order_that_is_missing_or_differs_is_a_difference(seeded: Seeded) -> None:
    connection = await asyncpg.connect(seeded.layout.service_url("orders"))
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("UPDATE orders SET amount = amount + 1 WHERE id = (SELECT id FROM orders LIMIT 1)")
        (found, *_) = await compare(connection, expected_sales(LINES))
        assert not found.equal
        assert found.count == 1 == len(found.differing)
    finally:
        await transaction.rollback()
        await connection.close()


async def test_run_once_more_it_changes_nothing(seeded: Seeded) -> None:
    before = await seeded.ends()
    again = seeded.line.json("seed-history", "--limit", str(LINES))
    assert (again["orders_written"], again["events_published"], again["products_written"]) == (0, 0, 0)
    assert again["orders_present"] == len(kept_lines())
    assert await seeded.ends() == before


async def test_the_shop_opens_with_it_and_nothing_reacts_to_2017(seeded: Seeded) -> None:
    before = await seeded.ends()
    seeded.line.json("up", "--detach")
    (product, customer) = (kept_lines()[0].product, kept_lines()[0].customer)
    placed = seeded.line.json("order", str(product))
    assert placed["status"] == 201, "a new order is confirmed"
    async with Lag(seeded.layout) as lag:
        found = await audit(seeded.layout.audited(), lag.total, deadline=60, pause=0.5)
    assert found.clean, [check.as_dict(5) for check in found.checks if check.count]
    assert found.counts["confirmed"] == len(kept_lines()) + 1
    grown = {topic: end - before[topic] for topic, end in (await seeded.ends()).items()}
    assert grown == {"orders": 2, "stock": 1, "deliveries": 1}, "the new order's own events, and no others"
    for service in SERVICES:
        assert await seeded.value(service, "SELECT count(*) FROM dead_letters") == 0
        assert await seeded.value(service, "SELECT count(*) FROM inbox") <= 3, "it knows the new order's events only"
    of_customer = "SELECT count(*) FROM orders WHERE customer_id = $1"
    assert await seeded.value("orders", of_customer, customer) > 0


def test_the_shop_that_runs_can_be_compared_with_the_data_set(seeded: Seeded) -> None:
    assert all(one["equal"] for one in seeded.line.json("seed-history", "--check")["sales"])
    refused = seeded.line.run("seed-history")
    assert refused.returncode == 1
    assert "shop down" in refused.stderr


async def test_a_live_load_keeps_every_order_and_every_unit(seeded: Seeded) -> None:
    lines = list(Trace.read(400))
    played = seeded.line.json("load", "--trace", "completejourney", "--rate", "40", "--limit", "400")
    expected = {"orders": len(lines), "units": sum(line.quantity for line in lines)}
    found = played["check"]
    assert found["adds_up"], found["wrong"]
    for side in ("offered", "accepted", "kept", "confirmed", "reserved", "delivered"):
        assert found[side] == expected, side
    per_product = """
        SELECT product_id, count(*), sum(quantity)::bigint FROM orders WHERE starts_with(address, $1) GROUP BY 1"""
    connection = await asyncpg.connect(seeded.layout.service_url("orders"))
    rows = {row[0]: (row[1], row[2]) for row in await connection.fetch(per_product, played["run"])}
    await connection.close()
    wanted: dict[int, tuple[int, int]] = {}
    for line in lines:
        count, units = wanted.get(line.product, (0, 0))
        wanted[line.product] = (count + 1, units + line.quantity)
    assert rows == wanted


async def test_a_made_up_load_is_checked_too_and_a_fault_is_named(seeded: Seeded) -> None:
    played = seeded.line.json("load", "--rate", "20", "--seconds", "2", "--product", "MASK", "--quantity", "3")
    assert played["check"]["adds_up"], played["check"]["wrong"]
    assert played["check"]["confirmed"] == {"orders": 40, "units": 120}
    began = played["load"]["began_at"]
    records = [Record(index, began, 0.0, 1.0, 503 if index == 0 else 202) for index in range(41)]
    wanted = [(2, 3)] * 39 + [(2, 4), (2, 3)]
    layout = running_shop(Home(seeded.line.home))
    found = await what_was_kept(
        layout, records, wanted, run=played["run"], marked="customer_id", began_at=began, deadline=5
    )
    assert set(found.wrong) == {"order 0", "order 39", "order 40"}
    assert "refused (503)" in found.wrong["order 0"]
    assert "wanted 4" in found.wrong["order 39"]
    assert "0 times" in found.wrong["order 40"]


async def test_a_shop_that_was_open_since_takes_no_more_history(seeded: Seeded) -> None:
    assert seeded.line.run("down").returncode == 0
    before = await seeded.ends()
    same = seeded.line.json("seed-history", "--limit", str(LINES))
    assert (same["orders_written"], same["records_passed_over"]) == (0, {}), "there was nothing to do"
    more = seeded.line.run("seed-history", "--limit", str(2 * LINES))
    assert more.returncode == 1
    assert "orders of its own" in more.stderr
    assert await seeded.ends() == before
    new = "SELECT count(*) FROM orders WHERE id < $1"
    assert await seeded.value("orders", new, lowest_id(AFTER)) == len(kept_lines())
