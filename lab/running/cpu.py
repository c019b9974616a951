"""CPU time of process trees, kept even for processes that have died since, and what the rest of the machine used."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class CpuUse:
    """Seconds of CPU between two moments: ``by_name`` of our process trees, ``foreign`` of everything else on the
    machine; ``wall`` is the time between the two."""

    by_name: dict[str, float]
    foreign: float
    wall: float


class CpuMeter:
    """Counts from its creation. What a process used after its last ``sample`` is lost when it is killed, so sample
    once a second and right before killing something."""

    def __init__(self, trees: Mapping[str, Iterable[int]]) -> None:
        self._trees: dict[str, dict[tuple[int, float], float]] = {}
        self.sample(trees)
        self._before = self._totals()
        self._idle = _machine_idle()
        self._began = time.monotonic()

    def sample(self, trees: Mapping[str, Iterable[int]]) -> None:
        """Notes what each name's root processes and their descendants have used so far."""
        for name, roots in trees.items():
            known = self._trees.setdefault(name, {})
            for root in roots:
                found = _tree_seconds(root)
                if found is not None:
                    key, seconds = found
                    known[key] = max(seconds, known.get(key, 0.0))

    def use(self) -> CpuUse:
        """CPU used since the beginning, as far as it was sampled."""
        by_name = {name: total - self._before.get(name, 0.0) for name, total in self._totals().items()}
        wall = time.monotonic() - self._began
        busy = wall * (os.cpu_count() or 1) - (_machine_idle() - self._idle)
        return CpuUse(by_name, max(busy - sum(by_name.values()), 0.0), wall)

    def _totals(self) -> dict[str, float]:
        return {name: sum(trees.values()) for name, trees in self._trees.items()}


def _tree_seconds(root: int) -> tuple[tuple[int, float], float] | None:
    """The tree's seconds: of the root with all children it has reaped, and of all that live; None when it is gone."""
    try:
        top = psutil.Process(root)
        key, members = (root, top.create_time()), top.children(recursive=True)
        total = sum(top.cpu_times()[:4])  # user, system, and both of reaped children
    except psutil.Error:
        return None
    for process in members:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue
    return key, total


def _machine_idle() -> float:
    """Seconds of all cores. Idle time is measured, where the kernel's busy times are guessed by looking now and then;
    and what a hypervisor gave to other machines is in no idle time."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("idle", "iowait"))
