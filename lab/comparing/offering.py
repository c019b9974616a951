"""The orders of a round: the plan of its load, made of scenario and settings."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.comparing.scenarios import Scenario
from lab.comparing.settings import CompareSettings
from lab.load.plan import LoadPlan
from lab.load.process import START_DELAY
from lab.load.recorded import write_recorded
from lab.trace.dataset import NAMES

_READ_A_SECOND = 100_000
"""Recorded orders that are read in a second, twice before the first one is sent, on a slow machine."""


async def read_ahead(scenario: Scenario) -> None:
    """Reads what the scenario plays, beside everything else: a year is read for a day. ``offered`` has it then. Raises
    TraceMissing."""
    if scenario.load.recording is not None:
        await asyncio.to_thread(scenario.load.recording.orders)


def offered(
    scenario: Scenario,
    settings: CompareSettings,
    folder: Path,
    *,
    url: str,
    run: str,
    seconds: float,
    concurrency: int = 0,
    products: Sequence[int],
    bare: bool = False,
) -> LoadPlan:
    """The plan of a load that begins soon, and is measured for ``seconds``; its files are in ``folder``. ``products``
    are ordered in turn, and of a trace instead of what it names where the scenario asks for that or plays the real
    year. Raises TraceMissing."""
    shape = scenario.load
    fields: dict[str, Any] = {"products": tuple(products)}
    begins = time.time() + START_DELAY
    if shape.recording is None:
        fields |= shape.rates(settings.rate)
    else:
        file = folder / "recorded.csv"
        ordered = fields["products"] if shape.products or shape.trace in NAMES else None
        recorded = write_recorded(file, shape.recording.played(settings.warmup_seconds, ordered))
        fields |= {"recorded": str(file)}
        begins = time.time() + START_DELAY + len(recorded.offsets) / _READ_A_SECOND
    return LoadPlan(
        url=url,
        run=run,
        records=str(folder / "records.csv"),
        concurrency=concurrency,
        seconds=seconds,
        warmup_seconds=settings.warmup_seconds,
        arrivals="poisson" if (shape.arrivals or settings.arrivals) == "poisson" else "constant",
        bare=bare,
        start_at=begins,
        **fields,
    )
