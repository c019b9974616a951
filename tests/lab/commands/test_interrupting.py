"""Ctrl-C in the foreground."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.backends import Addresses
from lab.supervision import Home, read_state
from lab.supervision.claim import all_recorded


@pytest.mark.parametrize("when", ["databases and roles", "starting orders", "The shop is open"])
def test_ctrl_c_stops_everything_whenever_it_comes(tmp_path: Path, addresses: Addresses, when: str) -> None:
    environment = {
        **os.environ,
        "SHOP_HOME": str(tmp_path / "home"),
        "KAFKA_BOOTSTRAP_SERVERS": addresses.kafka,
        "SHOP_POSTGRES_URL": addresses.postgres,
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "up"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kill = threading.Timer(120, process.kill)
    kill.start()
    try:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if when in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        assert process.wait(60) == 130, "".join(seen) + rest
    finally:
        kill.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    home = Home(tmp_path / "home")
    assert read_state(home) is None
    assert [name for name, identity in all_recorded(home).items() if identity.alive] == []
    assert "Traceback" not in rest
