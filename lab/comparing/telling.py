"""What services that record their steps tell beside a round's figures: how stale the product copy was, and what
happened to one of its orders."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit.trace_context import parent_id, trace_id
from lab.comparing.outcomes import Known
from lab.comparing.staleness import staleness
from lab.load.plan import LoadPlan
from lab.load.records import Record
from lab.load.result import LoadResult
from lab.running.layout import Layout
from lab.tracing.choosing import to_follow, to_tell
from lab.tracing.lines import read_lines
from lab.tracing.recording import peers, recording
from lab.tracing.story import Ending, story


class Telling(AbstractContextManager["Telling"]):
    """One round's. In this order: ``recorded`` before the services start, ``followed`` before the load, ``told`` after
    the audit. Leaving it removes what was recorded."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="shop-spans-")
        self._spans = Path(self._folder.name) / "spans.jsonl"

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def recorded(self, layout: Layout) -> Layout:
        """The layout whose services record what they do for the orders that are followed."""
        return recording(layout, self._spans)

    def followed(self, plan: LoadPlan) -> LoadPlan:
        """The plan, with some orders to be followed."""
        return replace(plan, traced=to_follow(plan))

    async def told(
        self,
        layout: Layout,
        plan: LoadPlan,
        sent: Sequence[Record],
        known: Mapping[int, Known],
        result: LoadResult,
        faults: Sequence[tuple[float, float]] = (),
    ) -> dict[str, Any]:
        """``staleness`` and ``story`` of the round's document, JSON-ready. ``sent``: the plan's orders. ``faults``:
        begin and end of each, Unix times; the order that is told was offered during the first one, if there is any."""
        middle = (result.measured_from + result.ended_at) / 2
        chosen = to_tell(sent, plan.traced, faults, middle)
        return {
            "staleness": await staleness(layout, self._spans, result.measured_from, time.time()),
            "story": chosen and self._story(layout, plan, known, chosen),
        }

    def _story(self, layout: Layout, plan: LoadPlan, known: Mapping[int, Known], chosen: Record) -> dict[str, Any]:
        trace = plan.traceparent(chosen.index)
        lines = read_lines(self._spans, trace_id(trace))
        return story(chosen, parent_id(trace), lines, _ending(known.get(chosen.index)), peers(layout))


def _ending(order: Known | None) -> Ending:
    if order is None:
        return Ending(None, None, None)
    settled = None if order.settled_at is None else order.settled_at.timestamp()
    return Ending(str(order.order_id), order.status, settled)
