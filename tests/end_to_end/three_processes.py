"""A synchronous shop: one process a service and their databases, no Kafka, and no supervisor that would start again
what a test has killed."""

import asyncio
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from kit import migrations
from kit.settings import Wiring
from lab.audit import Audit, Databases, audit
from lab.running.layout import SERVICES
from lab.running.ports import choose_ports
from lab.running.specs import package
from products_svc.seeding import seed
from products_svc.settings import ProductsSettings
from tests.waiting import eventually

ORDER = {"productId": 2, "quantity": 3, "customerId": "c-42", "customerName": "Kim", "address": "Seoul"}


class ThreeProcesses:
    """``settings`` are what every process is told, by their names in the environment without ``SHOP_``."""

    def __init__(self, wiring: Wiring, databases: dict[str, str], folder: Path, settings: dict[str, object]) -> None:
        self.databases = databases
        self._wiring: Wiring = wiring
        self._folder = folder
        self._settings = settings
        self._ports = choose_ports(1, usual=False)
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self.http = httpx.AsyncClient(timeout=30)

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    async def start(self, service: str, *, crash_at: str = "", wait: bool = True, **settings: object) -> None:
        """Starts the service, again if need be; returns when it is ready, or at once without ``wait``."""
        await self.kill(service)
        told = {
            "DATABASE_URL": self.databases[service],
            "WIRING": self._wiring,
            "PORT": self._ports[service],
            "PRODUCTS_URL": self.url("products"),
            "DELIVERY_URL": self.url("delivery"),
            "CRASH_AT": crash_at,
            **self._settings,
            **settings,
        }
        environment = os.environ | {f"SHOP_{name}": str(value) for name, value in told.items()}
        with (self._folder / f"{service}.log").open("ab") as log:
            self._processes[service] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", package(service), env=environment, stdout=log, stderr=log
            )
        if wait:
            await eventually(lambda: self._ready(service), within=60, every=0.05)

    async def kill(self, service: str) -> None:
        """kill -9, if it runs."""
        process = self._processes.get(service)
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def died(self, service: str) -> None:
        """Waits until the process has killed itself at its crash point."""
        assert await asyncio.wait_for(self._processes[service].wait(), 60) == -signal.SIGKILL

    async def close(self) -> None:
        for service in SERVICES:
            await self.kill(service)
        await self.http.aclose()
        for service in SERVICES:
            print((self._folder / f"{service}.log").read_text()[-20_000:])  # pytest shows it when a test fails

    async def place(self, **other: object) -> httpx.Response | None:
        """POST /orders; None when orders died before it answered."""
        try:
            return await self.http.post(f"{self.url('orders')}/orders", json=ORDER | other)
        except httpx.TransportError:
            return None

    async def order(self, customer: str) -> Any:
        """The row of the one order that the customer has placed."""
        (row,) = await self.rows("orders", "SELECT * FROM orders WHERE customer_id = $1", customer)
        return row

    async def settled(self, customer: str) -> Any:
        """The order, once nothing will change it by itself any more."""

        async def look() -> Any:
            row = await self.order(customer)
            return row if row["status"] not in ("pending", "cancelling") else None

        return await eventually(look, within=60, every=0.05)

    async def rows(self, service: str, sql: str, *arguments: object) -> list[Any]:
        connection = await asyncpg.connect(self.databases[service])
        try:
            found: list[Any] = await connection.fetch(sql, *arguments)
            return found
        finally:
            await connection.close()

    async def stock(self, product: int = 2) -> int:
        (row,) = await self.rows("products", "SELECT stock FROM products WHERE id = $1", product)
        left: int = row["stock"]
        return left

    async def audit(self, deadline: float = 60) -> Audit:
        return await audit(Databases(**self.databases, wiring=self._wiring), deadline=deadline, pause=0.2)

    async def _ready(self, service: str) -> bool:
        assert self._processes[service].returncode is None, f"{service} has ended"
        try:
            return (await self.http.get(f"{self.url(service)}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def three_processes(wiring: Wiring, postgres_url: str, **settings: object) -> AsyncIterator[ThreeProcesses]:
    """Databases of its own, migrated and seeded; nothing is started yet."""
    mark = uuid.uuid4().hex[:10]
    names = {service: f"three_{service}_{mark}" for service in SERVICES}
    databases = {service: urlsplit(postgres_url)._replace(path=f"/{name}").geturl() for service, name in names.items()}
    admin = await asyncpg.connect(postgres_url)
    try:
        for service, name in names.items():
            await admin.execute(f"CREATE DATABASE {name}")
            await migrations.upgrade_async(package(service), databases[service])
        await seed(ProductsSettings(database_url=databases["products"], wiring=wiring))
        with tempfile.TemporaryDirectory() as folder:
            shop = ThreeProcesses(wiring, databases, Path(folder), settings)
            try:
                yield shop
            finally:
                await shop.close()
    finally:
        for name in names.values():
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()
