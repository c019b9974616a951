"""GET /figures/live: what was counted, up to the moment until which all of it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from orders_svc.views.live_figures import FiguresAnswer
from tests.orders_svc.conftest import Start

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def running_minute(sql: Any) -> datetime:
    """Two partitions, counted up to the 30th second of this minute and some seconds further."""
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - MINUTE
    await sql.execute("INSERT INTO read_models VALUES ('live-figures', now())")
    await sql.executemany(
        "INSERT INTO live_standing VALUES ($1, $2)",
        [(0, minute + timedelta(seconds=30)), (1, minute + timedelta(seconds=42))],
    )
    await sql.executemany(
        "INSERT INTO live_minutes VALUES ($1, $2, $3, $4, $5, $6, 1)",
        [
            (minute, 0, 3, 2, 0, 0),
            (minute, 1, 4, 1, 1, 0),
            (minute - MINUTE, 0, 8, 3, 2, 1),
            (minute - 3 * MINUTE, 0, 100, 0, 0, 0),
        ],
    )
    await sql.executemany(
        "INSERT INTO live_products VALUES ($1, $2, $3, $4, $5, 1)",
        [
            (minute, 0, 2, 3, 3),
            (minute, 1, 2, 2, 9),
            (minute - MINUTE, 0, 1, 7, 7),
            (minute - MINUTE, 0, 77, 7, 8),
            (minute - 3 * MINUTE, 0, 2, 100, 100),
        ],
    )
    return minute


async def test_figures_sum_up_partitions_and_minutes(orders: httpx.AsyncClient, running_minute: datetime) -> None:
    answer = await orders.get("/figures/live", params={"minutes": 2})
    assert answer.status_code == 200
    found = answer.json()
    TypeAdapter(FiguresAnswer).validate_json(answer.content)
    counts = [(one["placed"], one["confirmed"], one["rejected"], one["cancelled"]) for one in found["minutes"]]
    assert counts == [(0, 0, 0, 0), (8, 3, 2, 1), (7, 3, 1, 0)]
    assert datetime.fromisoformat(found["from"]) == running_minute - 2 * MINUTE
    assert datetime.fromisoformat(found["until"]) == running_minute + timedelta(seconds=30)
    assert 30 <= found["staleSeconds"] <= 120
    assert found["ordersPerMinute"] == 6.0
    assert found["rejectedPercent"] == 33.3
    tops = [(one["productId"], one["productName"], one["orders"], one["units"]) for one in found["topProducts"]]
    assert tops == [(77, None, 7, 8), (1, "TV", 7, 7), (2, "MASK", 5, 12)]


async def test_without_outcomes_there_is_no_share_of_rejected_ones(orders: httpx.AsyncClient, sql: Any) -> None:
    await sql.execute("INSERT INTO read_models VALUES ('live-figures', now())")
    await sql.execute("INSERT INTO live_standing VALUES (0, now())")
    found = (await orders.get("/figures/live")).json()
    assert (found["rejectedPercent"], found["ordersPerMinute"], found["topProducts"]) == (None, 0.0, [])
    assert len(found["minutes"]) == 6


async def test_figures_that_were_never_complete_are_a_503(orders: httpx.AsyncClient, sql: Any) -> None:
    await sql.execute("INSERT INTO live_standing VALUES (0, now())")
    answer = await orders.get("/figures/live")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "live-figures has not reached the ends of its topics yet",
    )
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("minutes", ["0", "61", "-1", "x", "1.5", ""])
async def test_only_1_to_60_minutes_can_be_asked_for(orders: httpx.AsyncClient, minutes: str) -> None:
    answer = await orders.get("/figures/live", params={"minutes": minutes})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.minutes")


async def test_without_events_there_are_no_figures(start: Start) -> None:
    async with start(wiring="chain") as running:
        answer = await running.client.get("/figures/live")
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:shop:problem:needs-events")
