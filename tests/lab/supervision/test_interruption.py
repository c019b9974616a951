"""Ctrl-C, SIGTERM and SIGKILL at any moment leave no process behind: a real supervisor, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.supervision import Home, Phase, read_state
from lab.supervision.claim import all_recorded
from tests.lab.supervision.processes import MARK, eventually, left_behind

ROOT = Path(__file__).resolve().parents[3]


def supervisor(home: Home, scenario: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.supervision.program", str(home.root), scenario],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, MARK: str(home.root)},
    )


def reaches(home: Home, name: str, phase: Phase) -> bool:
    state = read_state(home)
    return state is not None and any(p.name == name and p.phase is phase for p in state.processes)


MOMENTS = {
    "all well": Phase.READY,
    "stuck in preparation": Phase.PREPARING,
    "stuck in clearing": Phase.STARTING,
    "stuck in start": Phase.STARTING,
    "crashing": Phase.BACKING_OFF,
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("scenario", MOMENTS)
def test_a_stop_signal_leaves_nothing(home: Home, scenario: str, number: signal.Signals) -> None:
    program = supervisor(home, scenario)
    eventually(lambda: reaches(home, "two", MOMENTS[scenario]))
    program.send_signal(number)
    assert program.wait(15) == 128 + number
    assert left_behind(home) == []
    assert read_state(home) is None
    assert all_recorded(home) == {}


def test_a_second_ctrl_c_kills_what_does_not_hear(home: Home) -> None:
    program = supervisor(home, "deaf")
    eventually(lambda: reaches(home, "two", Phase.READY))
    program.send_signal(signal.SIGINT)
    eventually(lambda: reaches(home, "two", Phase.STOPPING))
    program.send_signal(signal.SIGINT)
    assert program.wait(10) == 130
    assert left_behind(home) == []


def test_a_second_ctrl_c_does_not_wait_for_what_the_block_does_at_its_end(home: Home) -> None:
    program = supervisor(home, "reluctant")
    assert program.stdout is not None
    for line in program.stdout:
        if line in ("READY\n", "ENDING\n"):
            program.send_signal(signal.SIGINT)
        if line == "ENDING\n":
            break
    assert program.wait(15) == 130
    assert left_behind(home) == []


def test_ctrl_c_at_an_arbitrary_moment_of_the_start_leaves_nothing(home: Home) -> None:
    """The moments lie densely over the whole start: after 1, 2, 3, ... steps that the kernel can see."""
    for steps in range(6):
        program = supervisor(home, "all well")
        seen: set[object] = set()
        while len(seen) < steps and program.poll() is None:
            seen.add(tuple(left_behind(home)))
        if not seen:
            eventually(lambda: (home.root / "run").is_dir())
        program.send_signal(signal.SIGINT)
        program.wait(15)
        eventually(lambda: left_behind(home) == [], 2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
@pytest.mark.parametrize("scenario", ["stuck in start", "stuck in preparation"])
def test_nothing_outlives_a_supervisor_that_is_killed(home: Home, scenario: str) -> None:
    program = supervisor(home, scenario)
    eventually(lambda: reaches(home, "two", MOMENTS[scenario]))
    program.kill()
    program.wait()
    eventually(lambda: left_behind(home) == [], 5)
    assert read_state(home) is None


def test_after_a_killed_supervisor_the_next_one_starts(home: Home) -> None:
    first = supervisor(home, "all well")
    eventually(lambda: reaches(home, "two", Phase.READY))
    first.kill()
    first.wait()
    second = supervisor(home, "all well")
    eventually(lambda: reaches(home, "two", Phase.READY))
    second.terminate()
    assert second.wait(15) == 143
