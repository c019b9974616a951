"""Stock is not taken for a caller that has stopped waiting."""

from typing import Any

import pytest

from kit.database import Database
from kit.ids import new_id
from products_svc.participant import Participant, Take
from tests.products_svc.conftest import Start

RETRYING = pytest.mark.parametrize("wiring", ["chain-retry", "chain-breaker"])
LATE = "urn:shop:problem:deadline-passed"


def wanted() -> dict[str, Any]:
    return {"orderId": str(new_id()), "productId": 2, "quantity": 1}


@RETRYING
async def test_a_request_that_arrives_too_late_is_504_and_changes_nothing(start: Start, sql: Any, wiring: str) -> None:
    async with start(wiring=wiring) as products:
        for answer in (
            await products.post("/participant/reservations", json=wanted(), headers={"X-Deadline-Ms": "0"}),
            await products.post(f"/participant/reservations/{new_id()}/release", headers={"X-Deadline-Ms": "0"}),
            await products.get("/products/2", headers={"X-Deadline-Ms": "0"}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (504, LATE)
            assert answer.headers["content-type"] == "application/problem+json"
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 0


@RETRYING
async def test_time_runs_from_the_arrival_on_whatever_the_request_waits_for(
    start: Start, sql: Any, wiring: str
) -> None:
    async with start(wiring=wiring, inject_delay_ms=100) as products:
        late = await products.post("/participant/reservations", json=wanted(), headers={"X-Deadline-Ms": "50"})
        in_time = await products.post("/participant/reservations", json=wanted(), headers={"X-Deadline-Ms": "60000"})
        nobody_said = await products.post("/participant/reservations", json=wanted())
    assert (late.status_code, late.json()["type"]) == (504, LATE)
    assert (in_time.status_code, nobody_said.status_code) == (200, 200)
    assert await sql.fetchval("SELECT count(*) FROM reservations") == 2


async def test_the_chain_itself_works_for_nobody_faithfully(start: Start) -> None:
    async with start(wiring="chain") as products:
        answer = await products.post("/participant/reservations", json=wanted(), headers={"X-Deadline-Ms": "0"})
    assert answer.status_code == 200


async def test_in_a_group_those_who_went_away_are_left_out_and_the_others_get_theirs(database: Database) -> None:
    participant = Participant(database.transaction)
    wishes = [Take(new_id(), 2, 1, waits_until=until) for until in (None, 0.0, 1e12, 0.0)]
    results = await participant._decide(wishes)
    told = [result["state"] if isinstance(result, dict) else result.kind for result in results]
    assert told == ["reserved", "deadline-passed", "reserved", "deadline-passed"]
    assert [result["orderId"] for result in results if isinstance(result, dict)] == [
        str(wishes[0].order_id),
        str(wishes[2].order_id),
    ]
