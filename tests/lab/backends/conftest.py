from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lab.backends import KafkaBroker, PostgresServer
from lab.supervision import Home
from lab.supervision.identity import wait_until


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "SHOP_POSTGRES_URL", "SHOP_KAFKA_PORT", "SHOP_POSTGRES_PORT", "SHOP_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def new_home() -> Iterator[Callable[[], Home]]:
    """Makes homes that any user can reach (pytest's own folders are private), and sees that nothing runs there in the
    end."""
    homes: list[Home] = []

    def make() -> Home:
        folder = Path(tempfile.mkdtemp(prefix="shop-test-"))
        folder.chmod(0o755)
        homes.append(Home(folder / "home"))
        return homes[-1]

    yield make
    left = [line for home in homes for line in running_in(home)]
    for home in homes:
        shutil.rmtree(home.root.parent)
    assert left == []


@pytest.fixture
def home(new_home: Callable[[], Home]) -> Home:
    return new_home()


@pytest.fixture
def broker(home: Home) -> Iterator[KafkaBroker]:
    server = KafkaBroker(home)
    yield server
    server.kill()


@pytest.fixture
def postgres(home: Home) -> Iterator[PostgresServer]:
    server = PostgresServer(home)
    yield server
    server.kill()


def running_in(home: Home, patience: float = 5.0) -> list[str]:
    """What still works in the home after that time."""
    wait_until(lambda: not _running_in(home), patience)
    return _running_in(home)


def _running_in(home: Home) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            place = " ".join([*process.cmdline(), process.cwd()])
            if str(home.root) in place:
                found.append(f"{process.pid} {process.cmdline()}")
    return found
