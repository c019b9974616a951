"""What has become of each container of a shop."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.compose.docker import NoContainers, inspect
from lab.compose.layout import ComposeLayout
from lab.supervision import Phase, ProcessState, RunState
from lab.supervision.identity import ProcessIdentity

_BACKENDS = ("kafka", "postgres")
_OTHERS = ("chain-", "mesh-")


@dataclass(frozen=True)
class Container:
    """``status`` is the engine's word: created, running, paused, restarting, exited, dead. ``health`` is starting,
    healthy, unhealthy, or "" where nobody asks. ``since`` (Unix time) is when it was started, or has ended. ``once``:
    it has done its work when it has ended with 0."""

    id: str
    service: str
    status: str
    health: str
    exit_code: int
    out_of_memory: bool
    restarts: int
    since: float
    pid: int | None
    once: bool

    @property
    def well(self) -> bool:
        if self.once and self.status == "exited":
            return self.exit_code == 0
        return self.status == "running" and self.health in ("", "healthy")

    @property
    def state(self) -> str:
        """In words; ``running`` is that it is well."""
        if self.status == "running":
            return "running" if self.well else f"running, {self.health}"
        if self.status in ("exited", "dead", "restarting"):
            why = f"{_ended(self.exit_code)}{', out of memory' if self.out_of_memory else ''}"
            return why if self.status == "exited" else f"{self.status}, {why}"
        return self.status


def containers(layout: ComposeLayout) -> list[Container]:
    """Those of this shop, with the backends that it shares; also those that have ended. Raises EngineFailed, and
    NoContainers when there is none."""
    found = [container(raw) for raw in inspect(layout.project)]
    ours = [one for one in found if _belongs(one.service, layout)]
    if not any(one.service == layout.container("orders") for one in ours):
        raise NoContainers
    return sorted(ours, key=lambda one: (one.service not in _BACKENDS, one.once, one.service))


def container(raw: Mapping[str, Any]) -> Container:
    """From what ``docker inspect`` says of one."""
    state = raw["State"]
    running = state["Status"] in ("running", "paused")
    return Container(
        id=raw["Id"],
        service=raw["Config"]["Labels"]["com.docker.compose.service"],
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=raw.get("RestartCount", 0),
        since=_moment(state["StartedAt"] if running else state["FinishedAt"]),
        pid=state["Pid"] or None,
        once=raw["HostConfig"]["RestartPolicy"]["Name"] == "on-failure",
    )


def run_state(layout: ComposeLayout) -> RunState | None:
    """The same in the words of a supervisor; None from inside, where no engine can be asked."""
    if layout.inside:
        return None
    return RunState(ProcessIdentity(0, ""), 0.0, process_states(containers(layout), layout))


def process_states(found: Sequence[Container], layout: ComposeLayout) -> tuple[ProcessState, ...]:
    """Named as the services of a shop without containers."""
    phases = {"running": Phase.READY, "paused": Phase.SUSPENDED, "restarting": Phase.BACKING_OFF}
    return tuple(
        ProcessState(
            name=one.service.removeprefix(f"{layout.name}-"),
            phase=phases.get(one.status, Phase.DOWN),
            pid=one.pid,
            start=None,
            port=None,
            restarts=one.restarts,
            since=one.since,
        )
        for one in found
    )


def documents(found: Sequence[Container], ports: Mapping[str, int], used: Mapping[str, float]) -> list[dict[str, Any]]:
    """JSON-ready, as ``shop status`` shows processes. Those that have done their work are left out."""
    return [
        {
            "name": one.service,
            "state": one.state,
            "pid": one.pid,
            "port": ports.get(one.service),
            "restarts": one.restarts,
            "since_seconds": round(time.time() - one.since, 1),
            "memory_mib": round(used[one.id], 1) if one.id in used else None,
            "exit_code": None if one.status in ("running", "paused", "created") else one.exit_code,
            "out_of_memory": one.out_of_memory,
        }
        for one in found
        if not (one.once and one.well)
    ]


def _belongs(service: str, layout: ComposeLayout) -> bool:
    if service in _BACKENDS:
        return service == "postgres" or layout.wiring == "events"
    if service == "lab":
        return False
    return service.startswith(f"{layout.name}-") if layout.name else not service.startswith(_OTHERS)


def _ended(code: int) -> str:
    signals = {137: "killed (137)", 143: "terminated (143)"}
    return signals.get(code, f"exited with {code}")


def _moment(text: str) -> float:
    """``2026-12-01T01:02:03.123456789Z``; what never happened is in the year 1."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{fraction or 0}")
