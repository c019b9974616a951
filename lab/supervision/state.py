"""What runs right now, for whoever asks from another process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from lab.supervision.claim import write_atomically
from lab.supervision.home import Home
from lab.supervision.identity import ProcessIdentity


class Phase(StrEnum):
    STOPPED = "stopped"
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    SUSPENDED = "suspended"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    DOWN = "down"


@dataclass(frozen=True)
class ProcessState:
    """`since` is when the phase began (seconds since 1970); `start` tells the pid from a later one with its number."""

    name: str
    phase: Phase
    pid: int | None
    start: str | None
    port: int | None
    restarts: int
    since: float


@dataclass(frozen=True)
class RunState:
    supervisor: ProcessIdentity
    since: float
    processes: tuple[ProcessState, ...]


def write_state(home: Home, state: RunState) -> None:
    write_atomically(home.run / "state.json", json.dumps(asdict(state), indent=1))


def remove_state(home: Home) -> None:
    (home.run / "state.json").unlink(missing_ok=True)


def read_state(home: Home) -> RunState | None:
    """None when nothing runs, also when a killed supervisor left its file behind."""
    try:
        raw = json.loads((home.run / "state.json").read_text())
    except FileNotFoundError:
        return None
    supervisor = ProcessIdentity(**raw["supervisor"])
    if not supervisor.alive:
        return None
    return RunState(supervisor, float(raw["since"]), _processes(raw["processes"]))


def _processes(raw: Sequence[dict[str, object]]) -> tuple[ProcessState, ...]:
    return tuple(ProcessState(**{**fields, "phase": Phase(str(fields["phase"]))}) for fields in raw)  # type: ignore[arg-type]
