"""What the end-to-end tests do with a running shop: order, look, put it under load, judge it."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError

from lab.audit import Audit, audit
from lab.load.plan import LoadPlan
from lab.load.process import Load
from lab.load.records import Record, read_records
from lab.running.lag import Lag
from lab.running.layout import SERVICES, Layout
from lab.running.shop import Ground
from lab.supervision.state import Phase
from tests.waiting import eventually


@dataclass(frozen=True)
class Sent:
    """One load: its name (customers are ``<run>-<index>``) and what each sender saw."""

    run: str
    records: list[Record]

    @property
    def accepted(self) -> set[str]:
        """Customers whose order was accepted."""
        return {f"{self.run}-{record.index}" for record in self.records if record.accepted}


@dataclass(frozen=True)
class RunningShop:
    on: Ground
    layout: Layout
    http: aiohttp.ClientSession

    async def place(
        self, product: int = 2, quantity: int = 1, *, wait: int | None = 20, customer: str = "", key: str = ""
    ) -> Any:
        """POST /orders; (status, body). With ``wait`` it is settled when this returns (or 202). ``key`` is the
        Idempotency-Key."""
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        if key:
            headers["Idempotency-Key"] = key
        body: dict[str, object] = {"productId": product, "quantity": quantity}
        if customer:
            body["customerId"] = customer
        return await self.post("orders", "/orders", body, **headers)

    async def cancel(self, order_id: str) -> Any:
        """POST /orders/{id}/cancel; (status, body)."""
        return await self.post("orders", f"/orders/{order_id}/cancel")

    async def product(self, stock: int) -> int:
        """The id of a new product, which no other test orders, once orders can sell it."""
        body = {"name": f"P{uuid.uuid4().hex[:8]}", "price": 1000, "stock": stock, "imageUrl": "/p.png"}
        status, made = await self.post("products", "/products", body)
        assert status == 201, made
        if self.layout.wiring == "events":
            sql = "SELECT 1 FROM product_copy WHERE product_id = $1"
            await eventually(lambda: self.rows("orders", sql, made["id"]))
        number: int = made["id"]
        return number

    async def stock(self, number: int) -> int:
        left: int = (await self.get("products", f"/products/{number}"))["stock"]
        return left

    async def stock_becomes(self, number: int, expected: int, within: float = 20.0) -> None:
        async def is_it() -> bool:
            return await self.stock(number) == expected

        await eventually(is_it, within=within)

    async def post(self, service: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        async with self.http.post(self.layout.http(service) + path, json=body or {}, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def get(self, service: str, path: str) -> Any:
        async with self.http.get(self.layout.http(service) + path) as answer:
            return await answer.json()

    async def rows(self, service: str, sql: str, *arguments: object) -> list[Any]:
        """What the service's database says, read by the auditor."""
        connection = await asyncpg.connect(self.layout.auditor_url(service))
        try:
            found: list[Any] = await connection.fetch(sql, *arguments)
            return found
        finally:
            await connection.close()

    async def settled(self, order_id: str, within: float = 30.0) -> Any:
        """The order, once nothing will change it by itself any more."""

        async def look() -> Any:
            order = await self.get("orders", f"/orders/{order_id}")
            return order if order["status"] not in ("pending", "cancelling") else None

        return await eventually(look, within=within, every=0.05)

    async def deliveries(self, order_id: str) -> list[Any]:
        found: list[Any] = (await self.get("delivery", f"/deliveries?orderId={order_id}"))["items"]
        return found

    @asynccontextmanager
    async def load(
        self, *, rate: float = 100.0, seconds: float = 6.0, begun: int = 100
    ) -> AsyncIterator[Callable[[], Coroutine[Any, Any, Sent]]]:
        """Orders at a constant rate from another process. The block begins once ``begun`` of them are in the database;
        the yielded function waits for the load's end."""
        run = f"load-{uuid.uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory() as folder:
            records = Path(folder) / "records.csv"
            plan = LoadPlan(
                url=f"{self.layout.http('orders')}/orders",
                run=run,
                records=str(records),
                rate=rate,
                seconds=seconds,
                products=(1, 2, 3, 4, 5),
            )
            load = await Load.start(plan)

            async def end() -> Sent:
                await load.result()
                return Sent(run, list(read_records(records)))

            async def enough() -> bool:
                return await self.count(run) >= begun

            try:
                await eventually(enough, within=20 + seconds)
                yield end
            finally:
                await load.stop()

    async def count(self, run: str) -> int:
        found = await self.rows("orders", "SELECT count(*) AS n FROM orders WHERE customer_id LIKE $1", f"{run}-%")
        count: int = found[0]["n"]
        return count

    async def audit(self, deadline: float = 60.0) -> Audit:
        """The audit, once everything is quiet (or the deadline has passed, which is a finding)."""
        if self.layout.wiring != "events":
            return await audit(self.layout.audited(), deadline=deadline, pause=0.5)
        await eventually(self._kafka_answers, within=30, every=0.2)
        async with Lag(self.layout) as lag:
            return await audit(self.layout.audited(), lag.total, deadline=deadline, pause=0.5)

    async def _kafka_answers(self) -> bool:
        try:
            async with Lag(self.layout) as lag:
                return await lag.total() is not None
        except KafkaError:
            return False

    async def placed_but_missing(self, sent: Sent) -> set[str]:
        """Customers who were told that their order was accepted, and have none."""
        rows = await self.rows("orders", "SELECT customer_id FROM orders WHERE customer_id LIKE $1", f"{sent.run}-%")
        return sent.accepted - {row["customer_id"] for row in rows}

    async def dead_letters(self) -> dict[str, int]:
        """How many there are by now, by service."""
        sql = "SELECT count(*) AS n FROM dead_letters"
        return {service: (await self.rows(service, sql))[0]["n"] for service in SERVICES}

    @asynccontextmanager
    async def away(self, *names: str) -> AsyncIterator[None]:
        """These processes are stopped for as long as the block lasts, and ready again after it."""
        await asyncio.gather(*(self.on.supervisor.stop(name) for name in names))
        try:
            yield
        finally:
            await asyncio.gather(*(self.on.supervisor.start(name) for name in names))

    async def restarted(self, name: str, pid: int | None) -> None:
        """Waits until the supervisor has the process ready again, as another one than ``pid``."""

        def up() -> bool:
            (state,) = (state for state in self.on.supervisor.states if state.name == name)
            return state.pid not in (None, pid) and state.phase is Phase.READY

        await eventually(up, within=60)

    def pid(self, name: str) -> int | None:
        (state,) = (state for state in self.on.supervisor.states if state.name == name)
        return state.pid


def findings(result: Audit) -> list[Any]:
    """What the audit found, readable in an assertion's output."""
    return [check.as_dict(5) for check in result.checks if check.count and not check.notice]


def found(result: Audit) -> set[tuple[str, str]]:
    """What the audit found: the rule and the id, one pair a finding."""
    return {(check.rule, thing) for check in result.checks if not check.notice for thing in check.found}
