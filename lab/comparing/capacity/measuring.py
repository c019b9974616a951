"""The search itself: one shop for each wiring, one short load after the other on it."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kit.settings import Wiring
from lab.audit.quiet import wait_until_quiet
from lab.comparing.capacity.backlogs import Watching, grown
from lab.comparing.capacity.search import search
from lab.comparing.capacity.verdict import HOPELESS, SHARE, WITHIN, Step, judge, timely
from lab.comparing.conditions import pending_timeout
from lab.comparing.outcomes import known_orders
from lab.load.plan import LoadPlan
from lab.load.process import START_DELAY, Load
from lab.load.records import read_records
from lab.running.errors import ShopError
from lab.running.lag import Lag
from lab.running.layout import Layout
from lab.running.prepare import declare_topics, migrate, prepare_databases, remove, seed
from lab.running.shop import Ground, start_services, stop_services

Say = Callable[[str], None]
Begins = Callable[[int, str], None]


@dataclass(frozen=True)
class CapacitySettings:
    """The search begins at ``first`` orders/s. Each step is ``warmup_seconds`` and then ``seconds`` of load; after it
    the shop has ``rest`` seconds to come to rest. Raises ShopError, which says what is right."""

    wirings: tuple[Wiring, ...]
    first: float = 50.0
    lowest: float = 1.0
    highest: float = 10_000.0
    precision: float = 0.1
    seconds: float = 6.0
    warmup_seconds: float = 2.0
    rest: float = 60.0
    products: tuple[int, ...] = (1, 2, 3, 4, 5)

    def __post_init__(self) -> None:
        if not self.lowest <= self.first <= self.highest:
            raise ShopError(f"a search for the capacity begins at {self.lowest:g} to {self.highest:,.0f} orders/s")


def entry(
    wiring: Wiring, capacity: float | None, steps: Sequence[Step], settings: CapacitySettings, *, ended: bool = True
) -> dict[str, Any]:
    """What the document has of one wiring. ``ended``: the search came to its end."""
    return {
        "wiring": wiring,
        "orders_per_second": capacity,
        "ended": ended,
        "pending_timeout_seconds": pending_timeout(os.environ),
        "within_seconds": WITHIN,
        "share_percent": 100 * SHARE,
        "settings": asdict(settings),
        "steps": [asdict(step) for step in steps],
    }


class Steps:
    """Short loads on one running shop. ``taken`` are all steps so far. ``begins`` hears of each when it begins: its
    number, from 1, and what it is."""

    def __init__(self, layout: Layout, settings: CapacitySettings, say: Say, begins: Begins = lambda *_: None) -> None:
        self.taken: list[Step] = []
        self._layout, self._settings, self._say, self._begins = layout, settings, say, begins
        self._stack = AsyncExitStack()
        self._lag: Lag | None = None

    async def __aenter__(self) -> "Steps":
        if self._layout.wiring == "events":
            self._lag = await self._stack.enter_async_context(Lag(self._layout))
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def step(self, rate: float, *, again: bool = False) -> Step:
        """Loads the shop with it, waits until it is at rest again, judges, and says so."""
        settings, layout = self._settings, self._layout
        self._begins(len(self.taken) + 1, f"capacity: {layout.wiring}, {rate:g} orders/s{' again' if again else ''}")
        plan = LoadPlan(
            url=f"{layout.http('orders')}/orders",
            run=f"{layout.name}-{len(self.taken)}",
            records=str(self._folder / f"{len(self.taken)}.csv"),
            rate=rate,
            seconds=settings.seconds,
            warmup_seconds=settings.warmup_seconds,
            products=settings.products,
            start_at=time.time() + START_DELAY,
        )
        load = await Load.start(plan)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(load.stop)
            watching = None if self._lag is None else await stack.enter_async_context(Watching(layout, self._lag))
            result = await load.result()
        begin, behind = result.measured_from, self._lag.total if self._lag else None
        backlogs = {} if watching is None else grown(watching.looks, begin, begin + plan.seconds, rate)
        still = await wait_until_quiet(layout.audited(), behind, deadline=settings.rest, load_is_over=True)
        known = await known_orders(layout.audited(), plan.run)
        found = timely(read_records(Path(plan.records)), known, begin)
        held, why = judge(found, backlogs, result.invalid, still.moving)
        step = Step(
            rate=rate,
            held=held,
            why=why,
            again=again,
            rested=not still.moving,
            offered=found.offered,
            in_time_percent=round(100 * found.share, 2),
            accept_p99_ms=result.accept_latency["p99"],
            grown=backlogs or {},
        )
        self.taken.append(step)
        self._say(f"capacity: {layout.wiring}, {rate:g} orders/s {'held' if held else 'did not hold'}: {why}")
        return step


async def searched(steps: Steps, settings: CapacitySettings) -> float | None:
    """The highest rate that held, None when none did.

    A step that nearly held is tried once more: a shared machine hiccups. It ends early with a shop that does not come
    to rest, because the next step would not begin from there.
    """
    rates = search(settings.first, lowest=settings.lowest, highest=settings.highest, precision=settings.precision)
    rate = next(rates)
    while True:
        step = await steps.step(rate)
        if not step.held and step.rested and step.in_time_percent >= 100 * HOPELESS:
            step = await steps.step(rate, again=True)
        if not step.rested:
            return max((one.rate for one in steps.taken if one.held), default=None)
        try:
            rate = rates.send(step.held)
        except StopIteration as end:
            capacity: float | None = end.value
            return capacity


@asynccontextmanager
async def fresh_shop(
    on: Ground, wiring: Wiring, *, told: Mapping[str, Mapping[str, str]] | None = None
) -> AsyncIterator[Layout]:
    """A shop of that wiring, gone afterwards with all it kept. ``told`` are further settings of its services."""
    run = f"{int(time.time()):x}"
    layout = on.layout(f"c{run}_{wiring}", wiring, f"shop-capacity-{run}", usual_ports=False)
    layout = replace(layout, told=told or {})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(remove, layout)
        await prepare_databases(layout)
        await migrate(layout)
        await asyncio.gather(declare_topics(layout), seed(layout))
        stack.push_async_callback(stop_services, on.supervisor, layout)
        await start_services(on.supervisor, layout, lambda _: None)
        yield layout
