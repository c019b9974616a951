"""Real rounds whose load is a ramp or a recorded trace: the orders that come are those that the scenario says."""

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from lab.backends import Addresses
from lab.comparing.external import External, TheirRound
from lab.comparing.rounds import Rounds
from lab.comparing.schedule import Planned
from lab.comparing.settings import CompareSettings
from lab.load.recorded import Arrival, write_recorded
from lab.running.shop import Ground, ground
from lab.supervision import Home
from tests.lab.comparing.original_shop import original_shop

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

HEAD = 'title = "A"\ntext = "B."\n[load]\n'
TRACE = [
    Arrival(second + order / 20, 1 + order % 5, 2, "ann") for second, n in enumerate((4, 0, 9, 1)) for order in range(n)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on(tmp_path_factory: pytest.TempPathFactory, addresses: Addresses) -> AsyncIterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
        patch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
        async with ground(Home(tmp_path_factory.mktemp("shaped") / "home"), print, print, print) as on:
            yield on


@pytest.fixture
def original() -> Iterator[str]:
    with original_shop() as url:
        yield url


def settings(*files: Path) -> CompareSettings:
    scenarios = tuple(map(str, files))
    return CompareSettings(scenarios=scenarios, wirings=("chain",), rate=10, seconds=4, warmup_seconds=1, rounds=1)


def ramp(folder: Path) -> Path:
    (folder / "more.toml").write_text(f"{HEAD}ramp_to = 50\n")
    return folder / "more.toml"


def recorded(folder: Path) -> Path:
    write_recorded(folder / "day.csv", TRACE)
    (folder / "again.toml").write_text(f"{HEAD}trace = 'day.csv'\n")
    return folder / "again.toml"


async def test_a_ramp_is_offered_second_by_second_and_a_trace_at_its_times(on: Ground, tmp_path: Path) -> None:
    asked = settings(ramp(tmp_path), recorded(tmp_path))
    async with Rounds(on, asked, asked.chosen(), print) as rounds:
        more = await rounds.round(Planned("more", "chain", 1))
        again = await rounds.round(Planned("again", "chain", 1))
    rates = more["series"]["offered"][:4]
    assert more["load"]["offered"] == 120
    assert all(second < following for second, following in pairwise(rates)), rates
    assert rates == pytest.approx([15, 25, 35, 45], abs=1)
    assert again["series"]["offered"][:4] == [4, 0, 9, 1]
    for one in (more, again):
        assert one["outcomes"] == {"confirmed": one["load"]["offered"]}, "each is found in the databases"


async def test_a_shop_of_others_is_sent_the_same(original: str, tmp_path: Path) -> None:
    asked, outside = settings(ramp(tmp_path), recorded(tmp_path)), await External.at(original)
    turns = {name: (TheirRound(outside, name, 1), scenario) for name, scenario in asked.chosen().items()}
    found = [await turn.figures(scenario, asked) for turn, scenario in turns.values()]
    assert [one["outcomes"] for one in found] == [{"accepted": 120}, {"accepted": 14}]
    told = [turn.told(scenario.load.told(asked.rate)).rpartition("external, ")[2] for turn, scenario in turns.values()]
    assert told == ["10 to 50 orders/s", "the whole of day.csv"]
