"""A broker that refuses a password is like a broker that is away: said once, waited for, and over when it is over."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from events.kafka import stop
from kit import migrations
from lab.backends import ports
from products_svc.seeding import seed
from products_svc.settings import ProductsSettings
from tests.security.secure_kafka import PASSWORDS, SecureBroker
from tests.waiting import eventually

REFUSED = "SaslAuthenticationFailed"


@pytest.fixture
async def products_url(servers_url: str) -> AsyncIterator[str]:
    admin = await asyncpg.connect(servers_url)
    await admin.execute("CREATE DATABASE products_passwords")
    url = urlsplit(servers_url)._replace(path="/products_passwords").geturl()
    await migrations.upgrade_async("products_svc", url)
    await seed(ProductsSettings(database_url=url))  # which records events to publish
    yield url
    await admin.execute("DROP DATABASE products_passwords WITH (FORCE)")
    await admin.close()


@asynccontextmanager
async def products(url: str, told: dict[str, str], output: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = os.environ | told | {"SHOP_DATABASE_URL": url, "SHOP_PORT": str(ports.unused_port())}
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "products_svc", env=environment, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_wrong_password_is_said_once_and_put_right_without_a_restart(
    broker: SecureBroker, declared: str, products_url: str, tmp_path: Path
) -> None:
    output, server_log = tmp_path / "output", broker.home.logs / "kafka-server.log"

    def refusals() -> int:
        return server_log.read_text().count("Failed authentication")

    before = refusals()
    await broker.set_password("products", "another")
    try:
        async with products(products_url, broker.environment("products"), output) as process:
            await eventually(lambda: refusals() >= before + 12, within=60, every=0.1)
            assert process.returncode is None
            said = output.read_text()
            assert said.count(REFUSED) == 2, said  # the relay and the consumer, each once
            assert "check KAFKA_SASL_USERNAME and its password" in said

            await broker.set_password("products", PASSWORDS["products"])
            await eventually(lambda: "the relay works again" in output.read_text(), within=60)
            await eventually(lambda: "the consumer works" in output.read_text(), within=60)
            assert await _is_published(broker)
            process.terminate()
            assert await process.wait() == 0
    finally:
        await broker.set_password("products", PASSWORDS["products"])
    said = output.read_text()
    assert said.count(REFUSED) == 2, said
    assert PASSWORDS["products"] not in said


async def _is_published(broker: SecureBroker) -> bool:
    kafka = broker.kafka("admin")
    consumer = AIOKafkaConsumer(kafka.topic("products"), auto_offset_reset="earliest", **kafka.client_options())
    await consumer.start()
    try:
        return bool(await eventually(lambda: consumer.getmany(timeout_ms=100), within=30))
    finally:
        await stop(consumer)
