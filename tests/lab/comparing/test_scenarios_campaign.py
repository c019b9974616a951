"""Every scenario in small, through events and the chain: ``make test-campaign``."""

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lab.audit import Databases
from lab.audit.databases import rows, snapshot
from lab.comparing.comparison import compare_wirings
from lab.comparing.outcomes import Known, known_orders
from lab.comparing.scenarios import NAMES, chosen
from lab.comparing.settings import CompareSettings
from lab.running.shop import Ground, stop_services
from products_svc.seeding import DEFAULT
from tests.end_to_end.opening import opened
from tests.lab.comparing.effects import FAULT, RATE, SECONDS, missing

pytestmark = [pytest.mark.campaign, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

LOSES_NOTHING = set(NAMES) - {"overload", "saturation"}
"""In these events confirm every order that was accepted, and all orders that there are; the others ask for more than
may fit."""
ORDERED = "SELECT DISTINCT product_id, unit_price FROM orders"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[Ground]:
    async with opened("events", 1) as shop:
        await stop_services(shop.on.supervisor, shop.layout)
        yield shop.on


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the databases of each round say when all is over, and no figure does: ``ordered`` (product and unit price),
    and the ``prices`` in the catalogue."""
    found: list[dict[str, Any]] = []

    async def looked_at(databases: Databases, run: str, marked: str) -> dict[int, Known]:
        async with snapshot(databases) as at:
            ordered = [(row["product_id"], row["unit_price"]) async for row in rows(at.orders, ORDERED)]
            prices = {row["id"]: row["price"] async for row in rows(at.products, "SELECT id, price FROM products")}
        found.append({"ordered": ordered, "prices": prices})
        return await known_orders(databases, run, marked)

    monkeypatch.setattr("lab.comparing.one_round.known_orders", looked_at)
    return found


@pytest.mark.parametrize("scenario", NAMES)
async def test_a_scenario_is_what_it_says(on: Ground, left: list[dict[str, Any]], scenario: str) -> None:
    faults = chosen([scenario])[scenario].faults
    settings = CompareSettings(
        scenarios=(scenario,),
        rate=RATE,
        seconds=SECONDS if faults else 4,
        warmup_seconds=1,
        rounds=1,
        fault_seconds=FAULT,
        concurrencies=(8,),
    )
    document = await compare_wirings(on, settings, print)
    assert document["stopped"] is None
    assert [one["wiring"] for one in document["rounds"]] == ["events", "chain"]
    for one, kept in zip(document["rounds"], left, strict=True):
        late = "could not keep up" in (one["load"]["invalid"] or "")
        assert one["load"]["invalid"] is None or late or scenario == "overload", (
            "a busy machine is not the scenario's fault"
        )
        assert one["invalid"] is None, one["invalid"]
        assert len(one["faults"]) + len(one["notes"]) == len(faults)
        end = one["load"]["measured_from"] + one["load"]["seconds"]
        assert all(one["load"]["measured_from"] <= hit["began_at"] < end for hit in one["faults"])
        assert missing({**one, **kept}) == [], (one["wiring"], figures(one))
        is_undone(one, kept["prices"])
        if one["wiring"] == "events" and scenario in LOSES_NOTHING:
            assert one["outcomes"].keys() <= {"confirmed", "refused", "unknown"}, one["outcomes"]
            assert one["outcomes"]["confirmed"] >= one["load"]["accepted"], "an answer may be lost, an order not"
            assert one["audit"]["findings"] == 0, one["audit"]


def is_undone(one: dict[str, Any], prices: dict[int, int]) -> None:
    """Who orders a second after the fault is served, and the catalogue has its prices again. Nobody may have ordered
    then only where starting again took long, which it does on a busy machine."""
    assert prices == {entry.id: entry.price for entry in DEFAULT}
    for hit in one["faults"]:
        later = math.ceil(hit["ended_at"] - one["load"]["measured_from"]) + 1
        offered, accepted = (sum(one["series"][name][later:]) for name in ("offered", "accepted"))
        starting = hit["ended_at"] - hit["began_at"] - FAULT
        assert offered > 0 or starting > SECONDS / 3, "the fault did not end under load"
        assert accepted >= 0.9 * offered, (hit, one["series"])


def figures(one: dict[str, Any]) -> dict[str, Any]:
    """What effects are read from."""
    names = ("outcomes", "completion", "staleness", "settled_per_second", "faults", "notes", "series")
    load = {name: value for name, value in one["load"].items() if name != "histogram"}
    return {"load": load, **{name: one[name] for name in names}}
