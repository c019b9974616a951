"""What the two embedded servers have in common: they can be run by hand here, or handed to a supervisor as a spec."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from lab.supervision.claim import Claim, recorded
from lab.supervision.errors import NotStopped, StartFailed
from lab.supervision.home import Home
from lab.supervision.identity import ProcessIdentity, wait_until
from lab.supervision.logs import last_lines
from lab.supervision.spawn import spawn
from lab.supervision.spec import ProcessSpec


def silent(line: str) -> None:
    pass


def prepare_command(name: str, home: Home) -> list[str]:
    """`prepare` as a process of its own, so that a supervisor can interrupt it at any moment."""
    return [sys.executable, "-m", "lab.backends", "prepare", name, "--home", str(home.root)]


class EmbeddedServer(ABC):
    """Guarantees of `start`: ready when it returns, nothing left when it raises (also on Ctrl-C). One process per home
    and server: a second start from anywhere raises AlreadyRunning. Call from the main thread; the server is killed
    when this process dies (Linux), and found by the next start otherwise."""

    name: str
    home: Home
    stop_signal: signal.Signals = signal.SIGTERM

    def __init__(self, home: Home) -> None:
        self.home = home
        self._claim = Claim(home, self.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ProcessIdentity | None = None

    @abstractmethod
    def prepare(self, progress: Callable[[str], None] = silent) -> None:
        """Everything that is done once: fetching, formatting. Does nothing when it has been done."""

    @abstractmethod
    def spec(self) -> ProcessSpec:
        """How to run it. Chooses the port again if somebody else has taken it, never while this home's server runs."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it can be used right now; takes a second at most."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.alive else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def runs_here(self) -> bool:
        """Whether this home's server runs, whoever started it: then its port is not free, and yet the right one."""
        there = recorded(self.home, self.name)
        return there is not None and there.alive

    def start(self, deadline: float = 60.0, progress: Callable[[str], None] = silent) -> None:
        """Prepares it if need be (that time is not counted), starts it, and returns when it is ready."""
        if self.alive:
            return
        self._claim.take(self.stop_signal)
        try:
            self.prepare(progress)
            until = time.monotonic() + deadline
            spec = self.spec()
            if spec.note:
                progress(spec.note)
            if spec.clear and not wait_until(spec.clear, until - time.monotonic()):
                raise StartFailed(self.name, "cannot start: processes of an earlier run are still there")
            with self.home.log_file(self.name).open("ab") as log:
                self._process, self._identity = spawn(spec, log)
            self._claim.record(self._identity)
            self.wait_ready(until - time.monotonic())
        except BaseException:
            self.kill()
            raise

    def wait_ready(self, deadline: float = 60.0) -> None:
        """StartFailed, with the last log lines, when it has ended or the time is over."""
        wait_until(lambda: not self.alive or self.answers(), deadline)
        if not self.alive:
            code = self._process.returncode if self._process else None
            raise StartFailed(self.name, f"ended with exit code {code}", last_lines(self.home.log_file(self.name)))
        if not self.answers():
            raise StartFailed(
                self.name, f"was not ready after {deadline:.0f} s", last_lines(self.home.log_file(self.name))
            )

    def stop(self, deadline: float = 30.0) -> None:
        """A clean shutdown; NotStopped (after a SIGKILL) when it takes longer."""
        process = self._process
        try:
            if process and self.alive:
                process.send_signal(self.stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(deadline)
                if self.alive:
                    raise NotStopped([f"{self.name} (pid {process.pid})"])
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to it and all its children: what a power cut does to it. Returns when it is dead."""
        if self._process and self._identity:
            self._identity.send(signal.SIGKILL)
            self._process.wait()
        self._process = None
        self._claim.release()
