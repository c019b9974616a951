"""Real shops under short loads: the steps of the search for the capacity, and ours seen from outside."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
import pytest_asyncio

from lab.backends import Addresses
from lab.comparing.capacity.measuring import CapacitySettings, Steps, entry, fresh_shop, searched
from lab.comparing.capacity.showing import why_not_more
from lab.comparing.external import External, TheirRound
from lab.comparing.schema import Capacity, undocumented
from lab.comparing.settings import CompareSettings
from lab.running.layout import Layout
from lab.running.shop import PRODUCT_COPY, Ground, ground
from lab.supervision import Home
from tests.freezing import frozen

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = CapacitySettings(("events",), first=10, highest=20, seconds=3, warmup_seconds=1, rest=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on(tmp_path_factory: pytest.TempPathFactory, addresses: Addresses) -> AsyncIterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", addresses.kafka)
        patch.setenv("SHOP_POSTGRES_URL", addresses.postgres)
        async with ground(Home(tmp_path_factory.mktemp("driven") / "home"), print, print, print) as on:
            yield on


@pytest_asyncio.fixture(scope="class", loop_scope="module")
async def events(on: Ground) -> AsyncIterator[Layout]:
    async with fresh_shop(on, "events") as layout:
        yield layout


@contextmanager
def stopped(on: Ground, process: str) -> Iterator[None]:
    """Within the block it is there and does nothing."""
    (pid,) = (state.pid for state in on.supervisor.states if state.name == process)
    assert pid is not None
    with frozen(pid):
        yield


class TestByEvents:
    """One shop for all of them: a supervisor has one process of a name."""

    async def test_our_own_shop_tells_from_outside_how_its_orders_ended(self, events: Layout) -> None:
        settings = CompareSettings(
            scenarios=("healthy",), rate=20, seconds=1, warmup_seconds=0, rounds=1, products=(2, 4_711)
        )
        outside = await External.at(events.http("orders"))
        one = await TheirRound(outside, "healthy", 1).figures(settings.chosen()["healthy"], settings)
        assert one["outcomes"] == {"confirmed": 10, "refused": 10}
        assert one["load"]["statuses"] == {"202": 10, "422": 10}
        assert one["settled"] == 10
        assert one["completion"]["p50"] > 0

    async def test_the_search_ends_at_the_highest_rate_when_that_holds(self, events: Layout) -> None:
        """Twenty orders a second are no matter; a machine that is busy otherwise has three searches for it."""
        said: list[str] = []
        async with Steps(events, SETTINGS, said.append) as steps:
            for _ in range(3):
                if await searched(steps, SETTINGS) == 20:
                    break
        assert any("events, 20 orders/s held: " in line for line in said)
        assert all(step.offered == pytest.approx(3 * step.rate, abs=1) for step in steps.taken)
        assert all(step.held == step.why.endswith("no backlog grew") for step in steps.taken)

    async def test_a_product_copy_that_falls_behind_is_no_capacity(self, on: Ground, events: Layout) -> None:
        """Every order is confirmed in time, and orders know less and less of the stock."""
        settings = replace(SETTINGS, rest=1)
        async with Steps(events, settings, print) as steps:
            with stopped(on, PRODUCT_COPY):
                step = await steps.step(50)
        assert not step.held
        assert "product-copy behind: grew from " in step.why
        assert "did not come to rest" in step.why
        assert not step.rested


async def test_a_chain_that_is_too_slow_holds_nothing(on: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each order takes products 2.5 s: every one is confirmed, and none within two."""
    monkeypatch.delenv("SHOP_PENDING_TIMEOUT_SECONDS", raising=False)  # another shop of these tests may be told one
    settings = replace(SETTINGS, wirings=("chain",), first=2, lowest=2, seconds=2)
    slow = {"products": {"SHOP_INJECT_DELAY_MS": "1250"}}
    async with fresh_shop(on, "chain", told=slow) as layout, Steps(layout, settings, print) as steps:
        assert await searched(steps, settings) is None
    (step,) = steps.taken
    assert (step.offered, step.in_time_percent) == (4, 0)
    told = orjson.loads(orjson.dumps(entry("chain", None, steps.taken, settings)))
    assert why_not_more(told) == f"2/s: {step.why}"
    assert told["pending_timeout_seconds"] == 600
    assert list(undocumented(Capacity.model_validate(told))) == []
