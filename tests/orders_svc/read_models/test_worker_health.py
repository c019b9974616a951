"""The read models' workers as they run in earnest: what healthchecks, probes and alerts read of each."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import httpx
import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from events.kafka import Kafka
from events.standing import CHECK_SECONDS, LOOK_SECONDS
from lab.backends import KafkaBroker
from lab.supervision.home import Home
from orders_svc.read_models import MODELS, NAMES
from orders_svc.read_models.live_figures import LiveFigures
from tests.conftest import CreateDatabase
from tests.deploy.alert_rules import rules, selectors
from tests.deploy.rendering import ROOT
from tests.events.stand import Stand, product, publish, stand
from tests.orders_svc.read_models.conftest import make_tables
from tests.service_app import NOBODY
from tests.waiting import eventually

CLOSING_SECONDS = 6.0
"""How long a connection to a broker that is gone may take to close."""

TOPICS = {name: model.topics for name, model in MODELS.items()} | {LiveFigures().name: LiveFigures().topics}


@pytest.mark.parametrize("name", NAMES)
async def test_a_worker_with_nothing_to_read_is_ready_and_tells_the_lag_of_every_partition(
    orders: Stand, name: str
) -> None:
    with worker(orders, name) as running:
        await eventually(running.is_ready)
        partitions = {(orders.kafka.topic(topic), number): 0.0 for topic in TOPICS[name] for number in ("0", "1")}
        assert await eventually(lambda: running.lag(name)) == partitions


async def test_a_worker_that_waits_for_kafka_at_its_start_is_not_ready(orders: Stand) -> None:
    with worker(replace(orders, kafka=replace(orders.kafka, bootstrap_servers=NOBODY)), "product-copy") as running:
        await eventually(lambda: running.healthy("product-copy") == 0.0)
        assert not running.is_ready()


async def test_the_product_copy_tells_what_the_alert_about_its_staleness_reads(orders: Stand) -> None:
    with worker(orders, "product-copy") as running:
        await publish(orders.kafka, [product(1, 1)])
        await eventually(lambda: running.samples("events_handled_total", consumer="product-copy"))
        await eventually(lambda: running.lag("product-copy"))
        (rule,) = (rule for rule in rules() if rule["alert"] == "ProductCopyStale")
        for names, matchers in selectors(promql_parser.parse(rule["expr"])):
            assert running.samples(*names, **matchers), (names, matchers)


@pytest.mark.skipif(bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS")), reason="kills a broker of its own")
async def test_a_worker_is_not_ready_while_kafka_is_away_and_is_ready_again_afterwards(
    own_broker: KafkaBroker, create_database: CreateDatabase
) -> None:
    kafka = Kafka(own_broker.bootstrap_servers, f"t{uuid.uuid4().hex[:10]}")
    async with orders_on(kafka, await create_database("orders")) as orders:
        with worker(orders, "product-copy") as running:
            await eventually(running.is_ready)
            own_broker.kill()
            noticed = CHECK_SECONDS + LOOK_SECONDS + CLOSING_SECONDS
            await eventually(lambda: running.healthy("product-copy") == 0.0, within=noticed)
            assert not running.is_ready()
            own_broker.start()
            await eventually(running.is_ready)


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    own = KafkaBroker(Home(tmp_path_factory.mktemp("kafka")))
    own.start()
    yield own
    own.stop()


@asynccontextmanager
async def orders_on(kafka: Kafka, url: str) -> AsyncIterator[Stand]:
    async with stand(kafka, url) as made:
        await make_tables(url)
        yield made


@dataclass
class Worker:
    """A worker that serves its metrics on ``port``, as soon as it does."""

    port: int

    def is_ready(self) -> bool:
        """What the healthcheck says."""
        command = [sys.executable, "-IS", str(ROOT / "deploy" / "ready.py"), "worker"]
        environment = {"SHOP_PORT": str(self.port)}
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def samples(self, name: str, **labels: str) -> list[Sample]:
        try:
            text = httpx.get(f"http://127.0.0.1:{self.port}/metrics").text
        except httpx.TransportError:
            return []
        found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return [sample for sample in found if sample.name == name and labels.items() <= sample.labels.items()]

    def healthy(self, name: str) -> float | None:
        return next((sample.value for sample in self.samples("events_consumer_healthy", consumer=name)), None)

    def lag(self, name: str) -> dict[tuple[str, str], float]:
        """By topic and partition."""
        samples = self.samples("events_consumer_lag", consumer=name)
        return {(sample.labels["topic"], sample.labels["partition"]): sample.value for sample in samples}


@contextmanager
def worker(orders: Stand, name: str) -> Iterator[Worker]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "SHOP_DATABASE_URL": orders.url,
        "KAFKA_BOOTSTRAP_SERVERS": orders.kafka.bootstrap_servers,
        "SHOP_TOPIC_PREFIX": orders.kafka.prefix,
        "SHOP_METRICS_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "orders_svc.read_models", name], env=environment)
    try:
        yield Worker(port)
    finally:
        process.kill()
        process.wait()
