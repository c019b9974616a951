"""Some orders of a run can be followed: they alone are sent with a sampled trace, whose id is known beforehand."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kit.trace_context import sampled, trace_id
from lab.load.plan import LoadPlan
from lab.load.process import Load
from tests.lab.load.listening import listening


def plan(url: str = "http://127.0.0.1/orders", **fields: Any) -> LoadPlan:
    return LoadPlan(**{"url": url, "run": "r", "records": "r.csv", "rate": 20.0, "seconds": 1.0, **fields})


def test_each_order_has_a_sampled_trace_of_its_own() -> None:
    traces = [plan().traceparent(index) for index in range(100)]
    assert all(map(sampled, traces))
    assert len({trace_id(trace) for trace in traces}) == 100
    assert traces[7] == plan().traceparent(7), "who has the plan knows the trace"


def test_a_plan_with_traced_orders_survives_its_way_to_the_generator() -> None:
    assert LoadPlan.from_json(plan(traced=(3, 5)).to_json()) == plan(traced=(3, 5))


@pytest.mark.timeout(60)
async def test_only_the_traced_orders_are_sent_with_a_trace(tmp_path: Path) -> None:
    seen: dict[str, str | None] = {}

    async def orders(request: web.Request) -> web.Response:
        seen[(await request.json())["customerId"]] = request.headers.get("traceparent")
        return web.Response(status=202)

    async with listening(orders) as url:
        sent = plan(url, records=str(tmp_path / "r.csv"), traced=(4, 9))
        await (await Load.start(sent)).result()
    assert len(seen) == 20
    wanted = {sent.mark(index): sent.traceparent(index) for index in (4, 9)}
    assert {customer: trace for customer, trace in seen.items() if trace} == wanted
