"""CPU accounting against processes that burn a known amount."""

import subprocess
import sys

import pytest

from lab.running.cpu import CpuMeter

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n{after}"
WAIT = "print('done', flush=True); input()"


def burner(seconds: float, after: str = WAIT) -> subprocess.Popen[bytes]:
    code = BURN.format(seconds=seconds, after=after)
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def until_done(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"


def test_what_a_process_burns_is_counted_even_after_it_was_killed() -> None:
    process = burner(0.5)
    meter = CpuMeter({"us": []})
    until_done(process)
    meter.sample({"us": [process.pid]})
    process.kill()
    process.wait()
    meter.sample({"us": [process.pid]})
    assert meter.use().by_name["us"] == pytest.approx(0.5, abs=0.15)


def test_children_count_once_alive_or_reaped() -> None:
    child = BURN.format(seconds=0.4, after="")
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n{WAIT}"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    meter = CpuMeter({"us": [process.pid]})
    while process.poll() is None and meter.use().by_name["us"] < 0.2:
        meter.sample({"us": [process.pid]})
    until_done(process)
    meter.sample({"us": [process.pid]})
    process.kill()
    process.wait()
    assert meter.use().by_name["us"] == pytest.approx(0.45, abs=0.2)


def test_what_others_burn_is_foreign() -> None:
    meter = CpuMeter({"us": []})
    process = burner(0.5)
    until_done(process)
    process.kill()
    process.wait()
    use = meter.use()
    assert use.by_name["us"] == 0
    assert use.foreign >= 0.4
