"""Which process a pid means: a pid alone is reused, a pid with its start time is not."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "SHOP_SUPERVISED"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, recognisable for ever: `start` differs for any later process that gets the same pid."""

    pid: int
    start: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """None when no such process runs (a zombie does not run)."""
        start = _start_of(pid)
        return None if start is None else cls(pid, start)

    @property
    def alive(self) -> bool:
        return _start_of(self.pid) == self.start

    def tree(self) -> list[psutil.Process]:
        """The process, its descendants and the members of its session, as far as they run; empty when the pid is
        somebody else's by now. A leader that died leaves a session that can still be found by its number; as that
        number may have been another's meanwhile, only members count whose environment says that we started them."""
        start = _start_of(self.pid)
        if start not in (None, self.start) or not self._of_this_boot():
            return []
        found: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(self.pid)
            found = {process.pid: process for process in (leader, *leader.children(recursive=True))}
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if process.pid in (self.pid, os.getpid()) or os.getsid(process.pid) != self.pid:
                    continue
                if start == self.start or process.environ().get(MARK):
                    found[process.pid] = process
        return [process for process in found.values() if _runs(process)]

    def _of_this_boot(self) -> bool:
        return sys.platform != "linux" or self.start.startswith(f"{_boot()}:")

    def end(self, gently: signal.Signals, grace: float, hard: float = 5.0) -> bool:
        """Signals the process, waits `grace` seconds, then SIGKILLs its whole tree; True if nothing of it is left
        `hard` seconds later. Blocks. Touches nothing when the pid belongs to another process now."""
        tree = self.tree()
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, gently)
                os.kill(self.pid, signal.SIGCONT)
            wait_until(lambda: not self.alive, grace)
        kill_all(tree + self.tree())
        return wait_until(lambda: not any(map(_runs, tree)) and not self.tree(), hard)


def kill_all(processes: list[psutil.Process]) -> None:
    """SIGKILL to each; psutil compares start times first, so a reused pid is safe."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """True as soon as the condition holds, False when it does not within the time. Blocks."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _start_of(pid: int) -> str | None:
    """Linux counts clock ticks since boot, which no clock adjustment moves; elsewhere psutil's time has to do."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        return f"{process.create_time():.1f}" if _runs(process) else None
    except psutil.Error:
        return None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
