"""Every scenario in small, through events and the chain: ``make test-campaign``."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lab.comparing.comparison import compare_wirings
from lab.comparing.scenarios import NAMES
from lab.comparing.settings import CompareSettings
from lab.running.shop import Ground, stop_services
from tests.end_to_end.opening import opened

pytestmark = [pytest.mark.campaign, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

LOSES_NOTHING = set(NAMES) - {"overload", "saturation"}
"""In these events confirm every order that was accepted, and all orders that there are; the others ask for more than
may fit."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[Ground]:
    async with opened("events", 1) as shop:
        await stop_services(shop.on.supervisor, shop.layout)
        yield shop.on


@pytest.mark.parametrize("scenario", NAMES)
async def test_a_scenario_is_what_it_says(on: Ground, scenario: str) -> None:
    settings = CompareSettings(
        scenarios=(scenario,), rate=20, seconds=4, warmup_seconds=1, rounds=1, fault_seconds=3, concurrencies=(8,)
    )
    document = await compare_wirings(on, settings, print)
    assert document["stopped"] is None
    faults = document["scenarios"][scenario]["faults"]
    for one in document["rounds"]:
        assert one["load"]["invalid"] is None or scenario == "overload"
        assert one["invalid"] is None, one["invalid"]
        assert len(one["faults"]) + len(one["notes"]) == len(faults)
        end = one["load"]["measured_from"] + one["load"]["seconds"]
        assert all(one["load"]["measured_from"] <= hit["began_at"] < end for hit in one["faults"])
        if one["wiring"] == "events" and scenario in LOSES_NOTHING:
            assert one["outcomes"].keys() <= {"confirmed", "refused", "unknown"}, one["outcomes"]
            assert one["outcomes"]["confirmed"] >= one["load"]["accepted"], "an answer may be lost, an order not"
            assert one["audit"]["findings"] == 0, one["audit"]
