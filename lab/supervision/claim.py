"""The right to run a process of a home, held by one supervisor at a time, and the note that finds leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import IO

from lab.supervision.errors import AlreadyRunning, NotStopped
from lab.supervision.home import Home
from lab.supervision.identity import ProcessIdentity


class Claim:
    """Guarantees: at most one holder per home and name, as long as the holder lives (a file lock, so a killed holder
    holds nothing). What a dead holder left running is ended when the claim is taken."""

    def __init__(self, home: Home, name: str) -> None:
        self.name = name
        self._home = home
        self._lock: IO[str] | None = None

    def take(self, stop_signal: signal.Signals = signal.SIGTERM, grace: float = 5.0) -> None:
        """Raises AlreadyRunning when somebody holds it, NotStopped when a leftover cannot be ended. Blocks for up to
        the grace and five seconds if there is a leftover."""
        if self._lock is not None:
            return
        lock = open(self._home.run / f"{self.name}.lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            holder = recorded(self._home, self.name)
            raise AlreadyRunning(self.name, holder.pid if holder else None) from None
        self._lock = lock
        leftover = recorded(self._home, self.name)
        if leftover and not leftover.end(stop_signal, grace):
            self.release()
            raise NotStopped([f"{self.name} (pid {leftover.pid}, left by an earlier run)"])

    def record(self, identity: ProcessIdentity) -> None:
        """Notes the process that runs under this claim."""
        write_atomically(_file(self._home, self.name), json.dumps(asdict(identity)))

    def release(self) -> None:
        """Forgets the process and lets others claim the name; a second call does nothing."""
        if self._lock is not None:
            _file(self._home, self.name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def recorded(home: Home, name: str) -> ProcessIdentity | None:
    """The process last recorded under that name, alive or not."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        note = json.loads(_file(home, name).read_text())
        return ProcessIdentity(int(note["pid"]), str(note["start"]), str(note["token"]))
    return None


def all_recorded(home: Home) -> dict[str, ProcessIdentity]:
    """Every process recorded in the home, by name."""
    found = {path.name.removesuffix(".pid.json") for path in home.run.glob("*.pid.json")}
    return {name: identity for name in sorted(found) if (identity := recorded(home, name))}


def forget(home: Home, name: str) -> None:
    """Removes the note about a process that has ended."""
    _file(home, name).unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old text or the new one, never a part."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(text)
    draft.replace(path)


def _file(home: Home, name: str) -> Path:
    return home.run / f"{name}.pid.json"
