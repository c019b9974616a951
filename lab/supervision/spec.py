"""What a process needs to be run, said once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """An operating-system user that a process runs under."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class ProcessSpec:
    """A long-running process.

    `env` is added to the environment. `ready` is a URL that answers 2xx, or a function that returns within about a
    second; None means ready as soon as it runs. `prepare` is a command that is run to its end first, its output shown
    as progress. `clear` says whether what an earlier life left behind is gone; it is asked again until it is.
    `stop_signal` asks for a clean end, SIGKILL follows `stop_grace` seconds later. `death_signal` is what the kernel
    sends (on Linux) when the supervisor dies. `restart`: a process that ends by itself is started again.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ready: Callable[[], bool] | str | None = None
    ready_deadline: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    restart: bool = True
    port: int | None = None
    account: Account | None = None
    prepare: Sequence[str] | None = None
    clear: Callable[[], bool] | None = None
    note: str | None = None
