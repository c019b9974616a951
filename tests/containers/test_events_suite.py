"""How facts travel, on the images that production would run: tests/events once more, on Kafka and PostgreSQL started by
testcontainers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.containers.engine import ROOT, free_ports


@dataclass(frozen=True)
class Backends:
    kafka: str
    postgres: str


@pytest.fixture
def backends(engine: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backends]:
    """Both are gone when the test is over, without the help of testcontainers' own reaper container."""
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    kafka_port, postgres_port = free_ports(2)
    with _kafka(kafka_port), _postgres(postgres_port):
        yield Backends(f"127.0.0.1:{kafka_port}", f"postgresql://postgres:postgres@127.0.0.1:{postgres_port}/postgres")


def test_the_events_suite_passes_on_containers(backends: Backends) -> None:
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": backends.kafka,
        "SHOP_POSTGRES_URL": backends.postgres,
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/events", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@contextmanager
def _kafka(port: int) -> Iterator[DockerContainer]:
    """One broker in KRaft mode on 127.0.0.1:``port``, ready for requests."""
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "HOST://0.0.0.0:9092,CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"HOST://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "HOST",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer("apache/kafka:4.4.0")
    for name, value in environment.items():
        container.with_env(name, value)
    container.with_tmpfs_mount("/opt/kafka/config", "uid=1000,gid=1000,mode=755")
    container.ports["9092"] = ("127.0.0.1", port)  # type: ignore[assignment]
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(60))
    with container:
        yield container


@contextmanager
def _postgres(port: int) -> Iterator[DockerContainer]:
    """PostgreSQL on 127.0.0.1:``port``, superuser postgres, after its initialisation (which has no TCP)."""
    container = DockerContainer("postgres:18").with_env("POSTGRES_PASSWORD", "postgres")
    container.ports["5432"] = ("127.0.0.1", port)  # type: ignore[assignment]
    container.waiting_for(
        LogMessageWaitStrategy(r"(?s)listening on IPv4.*ready to accept connections").with_startup_timeout(60)
    )
    with container:
        yield container
