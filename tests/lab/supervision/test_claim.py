"""Leftovers are found and ended; whoever happens to have their pid now is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.supervision import AlreadyRunning, Home
from lab.supervision.claim import Claim, recorded
from lab.supervision.identity import MARK, ProcessIdentity


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_leftover_of_a_dead_holder_is_ended_when_the_claim_is_taken(
    home: Home, sleeper: subprocess.Popen[bytes]
) -> None:
    dead = Claim(home, "one")
    dead.take()
    dead.record(identity_of(sleeper.pid))
    assert dead._lock
    dead._lock.close()
    Claim(home, "one").take()
    assert sleeper.wait(5) == -signal.SIGTERM


def test_a_process_that_has_the_pid_of_a_leftover_is_not_touched(home: Home, sleeper: subprocess.Popen[bytes]) -> None:
    boot, _, ticks = identity_of(sleeper.pid).start.rpartition(":")
    note = {"pid": sleeper.pid, "start": f"{boot}:{int(ticks) - 1}", "token": "another"}
    (home.run / "one.pid.json").write_text(json.dumps(note))
    Claim(home, "one").take()
    assert sleeper.poll() is None


def test_a_claim_has_one_holder(home: Home) -> None:
    holder = Claim(home, "one")
    holder.take()
    holder.record(identity_of(os.getpid()))
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        Claim(home, "one").take()
    holder.release()
    Claim(home, "one").take()
    assert recorded(home, "one") is None


def test_descendants_of_a_dead_process_are_found_wherever_they_went(home: Home) -> None:
    program = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    gone = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, MARK: "its token"})
    gone.wait()
    identity = ProcessIdentity(gone.pid, "some start", "its token")
    assert [process.cmdline() for process in identity.tree()] == [["sleep", "600"]]
    assert identity.end(signal.SIGTERM, 1)
    assert identity.tree() == []


def identity_of(pid: int) -> ProcessIdentity:
    identity = ProcessIdentity.of(pid)
    assert identity is not None
    return identity
