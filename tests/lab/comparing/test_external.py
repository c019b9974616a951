"""A shop of others under our load: what it tells becomes a row, and what it cannot tell stays open."""

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from lab.comparing.differences import concluded
from lab.comparing.external import External, TheirRound
from lab.comparing.settings import CompareSettings
from lab.comparing.table import show
from lab.report.page import report
from lab.running.errors import ShopError
from tests.lab.comparing.documents import several
from tests.lab.comparing.original_shop import original_shop

SMALL = CompareSettings(
    scenarios=("healthy", "saturation"),
    rate=20,
    seconds=1,
    warmup_seconds=0.5,
    rounds=1,
    concurrencies=(2,),
)


@pytest.fixture
def original() -> Iterator[str]:
    with original_shop() as url:
        yield url


async def driven(url: str, settings: CompareSettings, scenario: str = "healthy", users: int = 0) -> dict[str, Any]:
    one = TheirRound(await External.at(url), scenario, 1, users)
    return await one.figures(settings.chosen()[scenario], settings)


async def test_the_original_lab_is_a_row_of_what_it_can_give(original: str) -> None:
    healthy, saturated = await driven(original, SMALL), await driven(original, SMALL, "saturation", users=2)
    assert [(one["scenario"], one["wiring"], one["concurrency"]) for one in (healthy, saturated)] == [
        ("healthy", "external", 0),
        ("saturation", "external", 2),
    ]
    assert healthy["load"]["offered"] == healthy["load"]["accepted"] == 20
    assert healthy["load"]["accept_latency"]["p50"] > 0
    assert healthy["outcomes"] == {"accepted": 20}, "it was told 201, and how the orders ended it cannot know"
    assert healthy["completion"] is healthy["settled"] is healthy["audit"] is healthy["cpu"] is None
    assert saturated["load"]["statuses"].keys() == {"201"}


async def test_what_it_refuses_is_told_as_such(original: str) -> None:
    one = await driven(f"{original}/orders", replace(SMALL, products=(2, 99)))
    assert one["load"]["statuses"] == {"201": 10, "500": 10}
    assert one["outcomes"] == {"accepted": 10, "refused": 10}


async def test_its_row_stands_beside_those_of_the_wirings(original: str) -> None:
    ours = several(2, 10, 40)
    broken = [{**one, "scenario": "products-down"} for one in ours["rounds"]]
    theirs = await driven(original, SMALL)
    theirs["load"]["invalid"] = None  # on a machine that is too busy for the generator, too
    ours["rounds"] += [theirs, *broken]
    found = concluded(ours)
    out = StringIO()
    show(found, Console(file=out, width=80))
    outcomes, latencies = (
        line.split()[1:] for line in out.getvalue().splitlines() if line.lstrip().startswith("external")
    )
    assert outcomes == ["-", "100.0", "-", "0.0", "0.0", "-", "-"]
    assert latencies[4:] == ["-", "-", "-"], "completion and CPU it cannot give"
    assert {one["figure"] for one in found["summary"] if one["wiring"] == "external"} >= {"accept p99", "refused %"}
    page = report(found)
    assert "external" in page
    assert "none in external" not in page, "no audit is no clean audit"


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://localhost/", "http://", "http://[1/"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ShopError, match="is an address"):
        await External.at(url)


async def test_a_shop_that_is_not_there_is_said_before_anything_is_measured() -> None:
    with pytest.raises(ShopError, match="nobody answers"):
        await External.at("http://127.0.0.1:9")
