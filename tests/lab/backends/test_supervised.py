"""The two servers under a supervisor: faults, and the end of it all."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.backends import Addresses, BackendError, backends_from_environment
from lab.supervision import BackOff, Home, Phase, Supervisor, read_state
from lab.supervision.identity import wait_until
from tests.lab.backends.conftest import running_in

ROOT = Path(__file__).resolve().parents[3]


async def test_a_killed_server_comes_back_and_a_suspended_one_goes_on_where_it_was(home: Home) -> None:
    backends = backends_from_environment(home)
    assert backends.kafka
    assert backends.postgres
    async with Supervisor(home, backends.specs(), back_off=BackOff(first=0.05)) as shop:
        await shop.kill("postgres")
        await reaches(shop, "postgres", Phase.READY, restarts=1)
        assert backends.postgres.answers()
        addresses = backends.addresses
        backends_from_environment(home).specs()
        assert backends_from_environment(home).addresses == addresses, "looking at a running shop moved its ports"
        shop.suspend("kafka")
        assert not await asyncio.to_thread(backends.kafka.answers)
        shop.resume("kafka")
        assert await asyncio.to_thread(backends.kafka.answers)
    assert running_in(home) == []


async def reaches(shop: Supervisor, name: str, phase: Phase, restarts: int = 0) -> None:
    async with asyncio.timeout(20):
        while not any(  # noqa: ASYNC110
            s.name == name and s.phase is phase and s.restarts >= restarts for s in shop.states
        ):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "phase", "number"),
    [
        ("postgres", Phase.PREPARING, signal.SIGINT),
        ("kafka", Phase.PREPARING, signal.SIGINT),
        ("kafka", Phase.STARTING, signal.SIGTERM),
        ("kafka", Phase.READY, signal.SIGINT),
        ("kafka", Phase.READY, signal.SIGKILL),
    ],
)
def test_a_signal_at_any_moment_leaves_no_server(home: Home, name: str, phase: Phase, number: signal.Signals) -> None:
    program = subprocess.Popen([sys.executable, "-m", "tests.lab.backends.program", str(home.root)], cwd=ROOT)

    def reached() -> bool:
        state = read_state(home)
        return state is not None and any(p.name == name and p.phase is phase for p in state.processes)

    wait_until(lambda: reached() or program.poll() is not None, 60)
    assert program.poll() is None
    program.send_signal(number)
    program.wait(30)
    assert running_in(home) == []


def test_addresses_in_the_environment_replace_the_embedded_servers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("SHOP_POSTGRES_URL", "postgresql://postgres:secret@database:5432/postgres")
    backends = backends_from_environment(home)
    assert backends.specs() == []
    addresses = backends.start()
    assert addresses == Addresses("broker:9092", "postgresql://postgres:secret@database:5432/postgres")
    assert "secret" not in addresses.masked
    monkeypatch.setenv("SHOP_POSTGRES_URL", "database:5432")
    with pytest.raises(BackendError, match="not an admin URL"):
        backends_from_environment(home)


def test_what_is_said_of_servers_of_others_must_be_able_to_work(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(BackendError, match="KAFKA_BOOTSTRAP_SERVERS names none"):
        backends_from_environment(home)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("SHOP_POSTGRES_URL", "postgresql://postgres:secret@database:5432/postgres?sslmode=full")
    with pytest.raises(BackendError, match="SHOP_POSTGRES_URL: sslmode=full does not exist") as refused:
        backends_from_environment(home)
    assert "secret" not in str(refused.value)
