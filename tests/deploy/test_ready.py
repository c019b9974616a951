"""``deploy/ready.py worker``, which healthchecks and probes run: a worker is ready when it says so, and not before."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.deploy.rendering import ROOT


@pytest.mark.parametrize(
    ("healthy", "code", "says"),
    [
        ({"sales": 1}, 0, "well"),
        ({"sales": 0}, 1, "200, events_consumer_healthy: 0.0"),
        ({"sales": 1, "product-copy": 0}, 1, "200, events_consumer_healthy: 1.0 0.0"),
        ({}, 1, "200, events_consumer_healthy: not there"),
    ],
    ids=["it says 1", "it says 0", "one of two says 0", "it says nothing yet"],
)
def test_a_worker_is_ready_when_it_says_so(healthy: dict[str, int], code: int, says: str) -> None:
    with metrics(healthy) as port:
        assert ask(port) == (code, says)


def test_a_worker_that_does_not_answer_is_not_ready() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        code, says = ask(taken.getsockname()[1])
    assert code == 1
    assert says.startswith("no answer: ")


@contextmanager
def metrics(healthy: dict[str, int]) -> Iterator[int]:
    """The port of a process that exports the gauge with these values, by consumer."""
    registry = CollectorRegistry()
    gauge = Gauge("events_consumer_healthy", "1 while the consumer does its work", ["consumer"], registry=registry)
    for consumer, value in healthy.items():
        gauge.labels(consumer).set(value)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(port: int) -> tuple[int, str]:
    """Exit code and words of the script."""
    command = [sys.executable, "-IS", str(ROOT / "deploy" / "ready.py"), "worker"]
    done = subprocess.run(
        command, env={"SHOP_PORT": str(port)}, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()
