"""The story of one order in every wiring, as its real services wrote it down."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kit.settings import Wiring
from lab.backends import Addresses
from lab.comparing.comparison import compare_wirings
from lab.comparing.settings import CompareSettings
from lab.running.shop import ground
from lab.supervision import Home

CHAIN = ["orders->products", "orders->delivery", "delivery->products"]
CALLS: dict[Wiring, list[str]] = {
    "chain": CHAIN,
    "chain-retry": CHAIN,
    "chain-breaker": CHAIN,
    "chain-mesh": CHAIN,
    "tcc": ["orders->products", *["orders->delivery", "orders->products"] * 2],
    "2pc": ["orders->products", *["orders->delivery", "orders->products"] * 2],
    "3pc": ["orders->products", *["orders->delivery", "orders->products"] * 3],
}
"""Who asks whom, in order; of those that are asked at the same moment delivery is named first."""


@pytest.mark.campaign
@pytest.mark.timeout(600)
async def test_every_wirings_story_has_all_its_calls(
    tmp_path: Path, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
    monkeypatch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
    settings = CompareSettings(wirings=tuple(CALLS), rate=10, seconds=3, warmup_seconds=0.5, rounds=1)
    async with ground(Home(tmp_path / "home"), print, print_line, print_line) as on:
        document = await compare_wirings(on, settings, print)
    for one in document["rounds"]:
        spans = one["story"]["spans"]
        assert all(span["ok"] for span in spans), one["wiring"]
        assert calls(spans) == CALLS[one["wiring"]], one["wiring"]
        assert {span["who"] for span in spans if span["kind"] == "transaction"} == {"orders", "products", "delivery"}


def calls(spans: Sequence[dict[str, Any]]) -> list[str]:
    made = [f"{span['from']}->{span['who']}" for span in spans if span["kind"] == "call"]
    if "delivery->products" in made:
        return made
    first, *rest = made
    pairs = [sorted(rest[place : place + 2]) for place in range(0, len(rest), 2)]
    return [first, *(name for pair in pairs for name in pair)]


def print_line(name: str, line: str) -> None:
    print(f"{name} | {line}")
