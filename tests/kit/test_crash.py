"""A process dies at the point that it was told, and nowhere else."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
from kit.crash import crash_point
for number in range(3):
    crash_point("a.point")
    print(number, flush=True)
"""


def run(told: str) -> subprocess.CompletedProcess[str]:
    environment = {"SHOP_CRASH_AT": told, "PYTHONPATH": ":".join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("told", "survived"), [("a.point", 0), ("a.point:1", 0), ("a.point:3", 2)])
def test_it_is_killed_at_the_named_point_the_time_it_was_told(told: str, survived: int) -> None:
    done = run(told)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(number) for number in range(survived)]


@pytest.mark.parametrize("told", ["", "another.point", "a.point:4"])
def test_otherwise_it_lives(told: str) -> None:
    assert (run(told).returncode, run(told).stdout.split()) == (0, ["0", "1", "2"])


def test_a_count_that_is_none_is_told_at_start() -> None:
    done = run("a.point:soon")
    assert done.returncode == 1
    assert "SHOP_CRASH_AT is NAME or NAME:N" in done.stderr
