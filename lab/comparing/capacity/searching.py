"""The searches of a comparison: one wiring after the other, each on a shop of its own."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from lab.comparing.capacity.expecting import expected_searches, expected_steps
from lab.comparing.capacity.measuring import CapacitySettings, Say, Steps, entry, fresh_shop, searched
from lab.comparing.time_left import TimeLeft
from lab.mesh.sidecars import ensure_mesh
from lab.running.shop import Ground

Watch = Callable[[str, TimeLeft], None]
"""Is told of each step when it begins."""


async def measure_capacity(
    on: Ground, settings: CapacitySettings, say: Say, document: dict[str, Any], *, watch: Watch | None = None
) -> None:
    """One entry a wiring into ``capacity`` of the document, JSON-ready: ``orders_per_second`` (None: not even the
    lowest rate held), all steps, and under what it holds. A search that does not come to its end has its steps there,
    too, and no rate. Raises SupervisionError, ShopError, LoadFailed."""
    if "chain-mesh" in settings.wirings:
        ensure_mesh()
    found = document.setdefault("capacity", [])
    progress = Progress(settings, watch or (lambda text, left: say(f"{text}, {left}")))
    for number, wiring in enumerate(settings.wirings):
        progress.begins(number, 0, f"capacity: {wiring}, a shop of its own")
        begins = partial(progress.begins, number)
        async with fresh_shop(on, wiring) as layout, Steps(layout, settings, say, begins) as steps:
            capacity, ended = None, False
            try:
                capacity, ended = await searched(steps, settings), True
            finally:
                if steps.taken:
                    found.append(entry(wiring, capacity, steps.taken, settings, ended=ended))


class Progress:
    """Tells how long all searches still take, by what one is expected to take."""

    def __init__(self, settings: CapacitySettings, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch, self._left = watch, TimeLeft(expected_searches(settings), clock)
        self._wirings, self._parts = len(settings.wirings), len(expected_steps(settings))

    def begins(self, wiring: int, step: int, text: str) -> None:
        """That step (0: the start of its shop) of that wiring (from 0); a search may have more than were expected."""
        self._left.begins(wiring * self._parts + min(step, self._parts - 1))
        self._watch(f"[{wiring + 1}/{self._wirings}] {text}", self._left)
