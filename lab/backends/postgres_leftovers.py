"""What a killed PostgreSQL leaves behind, and when it is safe to start again."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import psutil

from lab.backends.errors import DataUnusable
from lab.supervision.identity import ProcessIdentity


def nothing_left_in(data: Path) -> bool:
    """Whether a server can be started on the data folder. To be asked again while the answer is no.

    Children of a killed server hold its shared memory for a moment: they are told to quit. A `postmaster.pid` that no
    server stands behind is removed, because its pid may by now be another process's. DataUnusable when a server that
    is not ours runs there. Call it only while holding the claim on the server.
    """
    lock = data / "postmaster.pid"
    if not lock.exists():
        return True
    there = _processes_in(data)
    master = _pid_in(lock)
    if any(process.pid == master for process in there):
        raise DataUnusable(f"another PostgreSQL (pid {master}) runs on {data}")
    for process in there:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGQUIT)
    if there:
        return False
    lock.unlink(missing_ok=True)
    return True


def _processes_in(data: Path) -> list[psutil.Process]:
    """PostgreSQL's processes live in their data folder; nobody else's work there."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(data) and "postgres" in process.name() and ProcessIdentity.of(process.pid):
                found.append(process)
    return found


def _pid_in(lock: Path) -> int | None:
    with contextlib.suppress(ValueError, IndexError, FileNotFoundError):
        return int(lock.read_text().split()[0])
    return None
