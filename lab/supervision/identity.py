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
    """A process, recognisable for ever: `start` differs for any later process that gets the same pid. `token` is what
    it was given in its environment when we spawned it; its descendants carry it too, wherever they went."""

    pid: int
    start: str
    token: str = ""

    @classmethod
    def of(cls, pid: int, token: str = "") -> ProcessIdentity | None:
        """None when no such process runs (a zombie does not run)."""
        start = _start_of(pid)
        return None if start is None else cls(pid, start, token)

    @property
    def alive(self) -> bool:
        return _start_of(self.pid) == self.start

    def tree(self) -> list[psutil.Process]:
        """The process, its descendants, and whatever carries its token, as far as they run. A process that merely has
        the same pid is not among them."""
        found: dict[int, psutil.Process] = {}
        if self.alive:
            with contextlib.suppress(psutil.Error):
                leader = psutil.Process(self.pid)
                found = {process.pid: process for process in (leader, *leader.children(recursive=True))}
        for process in psutil.process_iter() if self.token else ():
            with contextlib.suppress(OSError, psutil.Error):
                if process.pid not in found and process.environ().get(MARK) == self.token:
                    found[process.pid] = process
        found.pop(os.getpid(), None)
        return [process for process in found.values() if _runs(process)]

    def send(self, number: signal.Signals) -> None:
        """The signal to the whole tree (PostgreSQL's children each have a group of their own, so a group is not
        enough). The group goes first and at once: nobody can fork away from it."""
        tree = self.tree()
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def end(self, gently: signal.Signals, grace: float, hard: float = 5.0) -> bool:
        """Signals the process, waits `grace` seconds, then SIGKILLs its whole tree; True if nothing of it is left
        `hard` seconds later. Blocks. Touches nothing when the pid belongs to another process now."""
        tree = self.tree()
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, gently)
                os.kill(self.pid, signal.SIGCONT)
            wait_until(lambda: not self.alive, grace)
        for process in tree + self.tree():
            with contextlib.suppress(psutil.Error):
                process.kill()
        return wait_until(lambda: not any(map(_runs, tree)) and not self.tree(), hard)


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
