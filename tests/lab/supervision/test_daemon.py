"""The supervisor in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.supervision import AlreadyRunning, Home, StartFailed, read_state, start_detached, stop_detached
from tests.lab.supervision.processes import MARK, eventually, left_behind

ROOT = Path(__file__).resolve().parents[3]


def command(home: Home, scenario: str) -> list[str]:
    return [sys.executable, "-m", "tests.lab.supervision.program", str(home.root), scenario]


@pytest.fixture(autouse=True)
def environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def detach(home: Home, scenario: str, deadline: float = 20.0) -> tuple[int, list[str]]:
    heard: list[str] = []
    pid = start_detached(home, command(home, scenario), deadline, heard.append, {MARK: str(home.root)})
    return pid, heard


def test_it_returns_when_ready_streams_progress_and_is_stopped_without_force(home: Home) -> None:
    pid, heard = detach(home, "all well")
    state = read_state(home)
    assert state is not None
    assert state.supervisor.pid == pid
    assert heard == ["starting"]
    with pytest.raises(AlreadyRunning):
        detach(home, "all well")
    assert stop_detached(home) == []
    assert left_behind(home) == []
    assert stop_detached(home) == []


def test_a_start_that_fails_is_reported_and_leaves_nothing(home: Home) -> None:
    with pytest.raises(StartFailed, match="two ended with exit code 3"):
        detach(home, "fails")
    assert left_behind(home) == []


def test_a_start_that_takes_too_long_is_ended(home: Home) -> None:
    with pytest.raises(StartFailed, match="was not ready in time"):
        detach(home, "stuck in start", deadline=1.0)
    assert left_behind(home) == []


def test_a_supervisor_that_does_not_end_is_forced_to(home: Home) -> None:
    pid, _ = detach(home, "deaf")
    forced = stop_detached(home, deadline=0.2)
    assert f"supervisor (pid {pid})" in forced
    assert left_behind(home) == []


def test_ctrl_c_on_the_waiting_command_ends_the_background_too(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path; from lab.supervision import *\n"
        "start_detached(Home(Path(sys.argv[1])), sys.argv[2:], 60, lambda line: print(line, flush=True))"
    )
    waiting = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root), *command(home, "stuck in start")],
        env={**os.environ, MARK: str(home.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert waiting.stdout
    assert waiting.stdout.readline() == b"starting\n"
    eventually(lambda: len(left_behind(home)) >= 3)
    waiting.send_signal(signal.SIGINT)
    waiting.wait(15)
    waiting.stdout.close()
    assert left_behind(home) == []
