"""What can go wrong while processes are kept running.

SupervisionError
+-- AlreadyRunning   another supervisor of the same home holds the process
+-- StartFailed      a process ended, or was not ready in time; the message carries its last log lines
+-- NotStopped       processes were still alive after the deadline
+-- Interrupted      a stop signal arrived; everything has been stopped when this is raised
"""

from __future__ import annotations

import signal
from collections.abc import Sequence


class SupervisionError(Exception):
    """Base of this package's errors; `str()` is fit for a terminal."""


class AlreadyRunning(SupervisionError):
    def __init__(self, name: str, pid: int | None) -> None:
        super().__init__(f"{name} is already running" + (f" (pid {pid})" if pid else "") + "; `shop down` ends it")
        self.name, self.pid = name, pid


class StartFailed(SupervisionError):
    def __init__(self, name: str, reason: str, last_lines: Sequence[str] = ()) -> None:
        tail = "".join(f"\n    {line}" for line in last_lines)
        super().__init__(f"{name} {reason}" + (f"; its last lines:{tail}" if tail else "; it printed nothing"))
        self.name, self.reason, self.last_lines = name, reason, tuple(last_lines)


class NotStopped(SupervisionError):
    def __init__(self, left: Sequence[str]) -> None:
        super().__init__(f"still alive after the deadline: {', '.join(left)}")
        self.left = tuple(left)


class Interrupted(SupervisionError):
    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"stopped by {number.name}")
        self.signal = number

    @property
    def exit_code(self) -> int:
        return 128 + self.signal
