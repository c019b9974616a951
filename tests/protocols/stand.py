"""Three services as processes of their own on one PostgreSQL, each of which can be made to die at a named point and
started again at the same address."""

import asyncio
import os
import re
import signal
import socket
import sys
import uuid
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from kit import migrations
from kit.settings import Wiring
from lab.audit import Audit, Databases, audit
from lab.tracing.lines import read_lines
from products_svc.seeding import seed
from products_svc.settings import ProductsSettings
from tests.waiting import eventually

PACKAGES = {"orders": "orders_svc", "products": "products_svc", "delivery": "delivery_svc"}


@dataclass
class Stand:
    """``sql`` looks into each service's database; ``settings`` are what every process is told."""

    wiring: Wiring
    urls: dict[str, str]
    ports: dict[str, int]
    sql: dict[str, Any]
    http: httpx.AsyncClient
    settings: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)

    def address(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    async def start(self, service: str, **settings: str) -> None:
        """Starts it, or starts it anew; settings by their names in the environment, without ``SHOP_``."""
        await self.stop(service)
        told = {f"{name.upper()}_URL": self.address(name) for name in PACKAGES} | self.settings | settings
        environment = os.environ | {
            "SHOP_DATABASE_URL": self.urls[service],
            "SHOP_PORT": str(self.ports[service]),
            "SHOP_WIRING": self.wiring,
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            **{f"SHOP_{name}": value for name, value in told.items()},
        }
        self.processes[service] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", PACKAGES[service], env=environment, stdout=sys.stdout.fileno(), stdin=DEVNULL
        )
        await eventually(lambda: self._is_ready(service), within=60, every=0.05)

    async def stop(self, service: str) -> None:
        """kill -9, if it runs."""
        process = self.processes.get(service)
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def died(self, service: str) -> None:
        """Waits until it has died at its crash point."""
        assert await asyncio.wait_for(self.processes[service].wait(), 60) == -signal.SIGKILL

    async def order(self, product: int = 2, quantity: int = 1, **headers: str) -> httpx.Response | None:
        """POST /orders; None when orders died over it."""
        body = {"productId": product, "quantity": quantity}
        try:
            return await self.http.post(f"{self.address('orders')}/orders", json=body, headers=headers)
        except httpx.TransportError:
            return None

    async def post(self, service: str, path: str, body: object = None) -> httpx.Response:
        return await self.http.post(self.address(service) + path, json=body)

    async def get(self, service: str, path: str) -> httpx.Response:
        return await self.http.get(self.address(service) + path)

    async def product(self, stock: int = 10) -> int:
        """A new product, which no other test orders."""
        body = {"name": f"P{uuid.uuid4().hex[:8]}", "price": 1000, "stock": stock, "imageUrl": "/p.png"}
        answer = await self.post("products", "/products", body)
        assert answer.status_code == 201, answer.text
        number: int = answer.json()["id"]
        return number

    async def stock(self, product: int) -> int:
        left: int = await self.sql["products"].fetchval("SELECT stock FROM products WHERE id = $1", product)
        return left

    async def of_product(self, product: int) -> dict[str, list[str]]:
        """What each database says about the orders of a product: their states, those that are committed."""
        orders = await self.sql["orders"].fetch("SELECT status FROM orders WHERE product_id = $1", product)
        held = await self.sql["products"].fetch("SELECT state FROM reservations WHERE product_id = $1", product)
        sent = await self.sql["delivery"].fetch("SELECT state FROM deliveries WHERE product_id = $1", product)
        return {
            "orders": sorted(row["status"] for row in orders),
            "products": sorted(row["state"] for row in held),
            "delivery": sorted(row["state"] for row in sent),
        }

    async def prepared(self) -> dict[str, list[str]]:
        """Names of the prepared transactions in each database."""
        query = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY gid"
        return {service: [row["gid"] for row in await self.sql[service].fetch(query)] for service in PACKAGES}

    async def finished(self) -> None:
        """Waits until nothing is prepared any more, and the coordinator has no commit left to see through."""
        left = "SELECT count(*) FROM two_phase_decisions WHERE decision = 'commit' AND impossible_at IS NULL"

        async def is_so() -> bool:
            return not any((await self.prepared()).values()) and not await self.sql["orders"].fetchval(left)

        await eventually(is_so, within=60, every=0.05)

    async def audit(self) -> Audit:
        return await audit(Databases(**self.urls, wiring=self.wiring), deadline=5, pause=0.3)

    async def metric(self, service: str, line: str) -> float:
        """The value of the metric whose line begins so; 0 while there is none."""
        text = (await self.get(service, "/metrics")).text
        return next((float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line)), 0.0)

    async def _is_ready(self, service: str) -> bool:
        assert self.processes[service].returncode is None, f"{service} ended"
        try:
            return (await self.get(service, "/health/ready")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def standing(admin_url: str, wiring: Wiring, **settings: str) -> AsyncIterator[Stand]:
    """Three databases, migrated and with the default catalogue, and the three services."""
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(admin_url)
        stack.push_async_callback(admin.close)
        urls, sql = {}, {}
        for service, package in PACKAGES.items():
            name = f"{service}_{uuid.uuid4().hex[:10]}"
            await admin.execute(f'CREATE DATABASE "{name}"')
            urls[service] = urlsplit(admin_url)._replace(path=f"/{name}").geturl()
            await migrations.upgrade_async(package, urls[service])
            sql[service] = await asyncpg.connect(urls[service])
            stack.push_async_callback(_drop, admin, name, sql[service])
        await seed(ProductsSettings(database_url=urls["products"], wiring=wiring))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        stand = Stand(wiring, urls, {service: _free_port() for service in PACKAGES}, sql, http, settings)
        try:
            await asyncio.gather(*(stand.start(service) for service in PACKAGES))
            yield stand
        finally:
            await asyncio.gather(*(stand.stop(service) for service in PACKAGES))


def calls_of_trace(stand: Stand, trace: str) -> list[tuple[str, str]]:
    """Who was asked for what in that trace (its id), in the order in which the calls began; ids left out."""
    lines = read_lines(Path(stand.settings["TRACE_FILE"]), trace)
    peers = {stand.address(service): service for service in PACKAGES}
    calls = sorted((line for line in lines if line.kind == "call"), key=lambda line: line.began)
    return [(peers[line.to or ""], re.sub(r"/[0-9a-f-]{36}", "", line.what)) for line in calls]


def findings(result: Audit) -> dict[str, list[str]]:
    """What the audit found: the rules that do not hold, with the ids."""
    return {check.rule: sorted(check.found) for check in result.checks if check.count and not check.notice}


def notices(result: Audit) -> dict[str, list[str]]:
    """What the audit says beside that, and what about it."""
    return {check.rule: sorted(check.found.values()) for check in result.checks if check.count and check.notice}


async def _drop(admin: Any, name: str, inside: Any) -> None:
    for row in await inside.fetch("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
        await inside.execute(f"ROLLBACK PREPARED '{row['gid']}'")
    await inside.close()
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
