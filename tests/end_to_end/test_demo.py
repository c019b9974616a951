"""``shop demo`` as a stranger runs it, in a folder of its own, only shorter."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.supervision import Home, read_state
from tests.end_to_end.opening import EXTERNAL
from tests.lab.supervision.processes import MARK, left_behind

SHORT = ("--rate", "20", "--seconds", "3", "--warmup", "1", "--down", "1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    tmp_path.chmod(0o755)  # PostgreSQL runs as somebody else when we are root, and must get in
    return Home(tmp_path / "home")


@contextmanager
def demo(home: Home, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, on embedded servers; ended by force if it is still there after the block, or after 280 seconds."""
    environment = {name: value for name, value in os.environ.items() if name not in EXTERNAL}
    environment |= {"SHOP_HOME": str(home.root), MARK: str(home.root), "NO_COLOR": "1", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "demo", *SHORT],
        cwd=folder,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kill = threading.Timer(280, process.kill)
    kill.start()
    try:
        yield process
    finally:
        kill.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.timeout(300)
def test_the_demo_tells_its_whole_story_and_stops_what_it_started(home: Home, tmp_path: Path) -> None:
    with demo(home, tmp_path) as process:
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait(10) == 0, told

    story = [
        "One order on its way through three services",
        "OrderPlaced",
        "StockReserved",
        "DeliveryStarted",
        "OrderConfirmed",
        "Events against the chain",
        "healthy: what became of the orders offered",
        "healthy: how long it took",
        "products-down: what became of the orders offered",
        "products-down: how long it took",
        "Does everything add up?",
        "Everything adds up.",
        "Try next",
        "Everything that the demo started is stopped.",
    ]
    assert [line for line in story if line not in told] == [], told
    assert sorted(story, key=told.index) == story
    assert "Traceback" not in told
    assert len(list((tmp_path / "reports").glob("compare-*/report.html"))) == 1
    assert left_behind(home) == []
    assert read_state(home) is None


def test_ctrl_c_in_the_middle_of_the_comparison_leaves_no_process(home: Home, tmp_path: Path) -> None:
    told = []
    with demo(home, tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if "[2/4]" in line:
                process.send_signal(signal.SIGINT)
                break
        told += process.stdout.read().splitlines(keepends=True)
        assert process.wait(30) == 130, "".join(told)

    assert "Traceback" not in "".join(told)
    assert left_behind(home) == []
    assert read_state(home) is None
