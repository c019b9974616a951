"""A shop that others run, under the same load: one more row, without the parts that it cannot give."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from lab.comparing.offering import offered, read_ahead
from lab.comparing.order_states import Told, ask_orders
from lab.comparing.scenarios import Scenario
from lab.comparing.schedule import WARMING
from lab.comparing.settings import CompareSettings
from lab.load.histogram import encoded, histogram, percentiles
from lab.load.plan import is_address
from lab.load.process import Load
from lab.load.records import NO_ANSWER, Record, read_records
from lab.load.result import LoadResult
from lab.running.errors import ShopError

NAME = "external"
"""What it is called where others have a wiring."""

ACCEPTED = "accepted"
"""The outcome of an order that was answered with a success, when nothing tells how it ended."""

AROUND = 3.0
"""Seconds that a round takes beside its load: starting the generator, and asking how the orders ended."""


@dataclass(frozen=True)
class External:
    """``orders`` is where orders are posted."""

    orders: str

    @classmethod
    async def at(cls, url: str) -> "External":
        """``url`` is that address, or the shop's without ``/orders``. Raises ShopError when nobody answers there."""
        if not is_address(url):
            raise ShopError(f"--against is an address such as http://localhost:8081, not {url!r}")
        parts = urlsplit(url)
        orders = urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else "/orders", fragment=""))
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session, session.get(orders):
                return cls(orders)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ShopError(f"nobody answers at {orders}: {error}; start that shop first") from error


@dataclass(frozen=True)
class TheirRound:
    """One round on that shop; ``concurrency`` is 0 for open loops."""

    shop: External
    scenario: str
    number: int
    concurrency: int = 0
    wiring: ClassVar = NAME
    step: ClassVar = ""

    def told(self, load: str) -> str:
        """For people, as ours."""
        if self.number == WARMING:
            return f"warming up: {NAME}"
        busy = f"{self.concurrency} at a time" if self.concurrency else load
        return f"{self.scenario}, round {self.number}: {NAME}, {busy}"

    def load_seconds(self, scenario: Scenario, settings: CompareSettings) -> float:
        """How long its load is measured; as a warm-up no longer than that."""
        measured = scenario.measured_seconds(settings.seconds)
        return min(settings.warming_seconds, measured) if self.number == WARMING else measured

    def expected_seconds(self, scenario: Scenario, settings: CompareSettings) -> float:
        """About how long the whole round takes."""
        return settings.warmup_seconds + self.load_seconds(scenario, settings) + AROUND

    async def figures(self, scenario: Scenario, settings: CompareSettings) -> dict[str, Any]:
        """In the form of all others; what it cannot give is None. Raises LoadFailed.

        Orders say product and quantity and no more, as the original lab's. How they ended is asked for afterwards,
        if ``GET`` of an order's ``Location`` tells a ``status``; when, if it tells ``settledAt`` too (by its clock).
        """
        await read_ahead(scenario)
        with tempfile.TemporaryDirectory() as folder:
            plan = offered(
                scenario,
                settings,
                Path(folder),
                url=self.shop.orders,
                run=NAME,
                seconds=self.load_seconds(scenario, settings),
                concurrency=self.concurrency,
                products=scenario.load.products or settings.products,
                bare=True,
            )
            load = await Load.start(plan)
            try:
                result = await load.result()
            finally:
                await load.stop()
            records = list(read_records(Path(plan.records)))
        told = await ask_orders(self.shop.orders, records, deadline=settings.quiet_deadline)
        return {
            "scenario": self.scenario,
            "wiring": self.wiring,
            "round": self.number,
            "concurrency": self.concurrency,
            "step": self.step,
            "outage": None,
            "faults": [],
            "invalid": None,
            **_figures(result, records, told),
        }


def _figures(result: LoadResult, records: Iterable[Record], told: Mapping[int, Told] | None) -> dict[str, Any]:
    measured = [record for record in records if record.intended_at >= result.measured_from - 1e-6]
    times = {index: order.settled_at for index, order in (told or {}).items() if order.settled_at is not None}
    completion = histogram(
        (times[record.index] - record.intended_at) * 1000
        for record in measured
        if record.accepted and record.index in times
    )
    ends = [end for end in times.values() if end >= result.measured_from]
    wall = max(ends, default=0.0) - result.measured_from
    return {
        "load": asdict(result),
        "outcomes": dict(Counter(_outcome(record, told) for record in measured)),
        "completion": percentiles(completion) if times else None,
        "completion_histogram": encoded(completion) if times else None,
        "settled": len(times) if times else None,
        "settled_per_second": len(ends) / wall if wall > 0 else None,
        "cpu": None,
        "audit": None,
    }


def _outcome(record: Record, told: Mapping[int, Told] | None) -> str:
    """In the words of ``lab.comparing.outcomes``, and ``ACCEPTED``. Whether a confirmed order has its delivery and its
    reservation nobody can see from here."""
    order = (told or {}).get(record.index)
    if order is not None:
        return order.status if order.status in ("confirmed", "rejected", "cancelled") else "unsettled"
    if record.status == NO_ANSWER:
        return "unknown"
    if not record.accepted:
        return "refused"
    return ACCEPTED if told is None else "unsettled"
