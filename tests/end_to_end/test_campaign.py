"""The long failure campaigns, on a shop of their own: ``make test-campaign``.

Environment: ``SHOP_CAMPAIGN_OUTAGE_SECONDS`` (120), ``SHOP_CAMPAIGN_KILLS`` (20), ``SHOP_CAMPAIGN_RATE`` (50 orders/s)
and ``SHOP_CAMPAIGN_SEED`` (random; a failing run prints its seed).
"""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end import log
from tests.end_to_end.opening import opened
from tests.end_to_end.shop import RunningShop, Sent, findings

pytestmark = [pytest.mark.campaign, pytest.mark.asyncio(loop_scope="package")]

OUTAGE_SECONDS = float(os.environ.get("SHOP_CAMPAIGN_OUTAGE_SECONDS", "120"))
KILLS = int(os.environ.get("SHOP_CAMPAIGN_KILLS", "20"))
RATE = float(os.environ.get("SHOP_CAMPAIGN_RATE", "50"))
SEED = int(os.environ.get("SHOP_CAMPAIGN_SEED", "0")) or random.randrange(1, 2**32)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def shop() -> AsyncIterator[RunningShop]:
    """Wiring events, two replicas of each service; no order times out while Kafka is away."""
    async with opened("events", 2, SHOP_PENDING_TIMEOUT_SECONDS="3600") as shop:
        yield shop


async def test_kafka_is_away_for_minutes_and_the_backlog_drains_in_order(shop: RunningShop) -> None:
    dead_letters = await shop.dead_letters()
    shop.on.supervisor.pause_restarts("kafka")
    async with shop.load(rate=RATE, seconds=OUTAGE_SECONDS + 10) as end:
        loading = asyncio.create_task(end())
        await shop.on.supervisor.kill("kafka")
        await asyncio.wait([loading], timeout=OUTAGE_SECONDS)
        assert not loading.done(), "the load must outlast the outage"
        backlog = (await shop.rows("orders", "SELECT count(*) AS n FROM outbox"))[0]["n"]
        await shop.on.supervisor.resume_restarts("kafka")
        sent = await loading

    result = await shop.audit(deadline=60 + OUTAGE_SECONDS)

    assert findings(result) == []
    assert backlog > 0.8 * RATE * OUTAGE_SECONDS
    assert len(sent.accepted) == len(sent.records)
    assert await shop.placed_but_missing(sent) == set()
    assert await _outcomes(shop, sent) == {"confirmed"}
    assert await shop.dead_letters() == dead_letters
    for topic in ("orders", "stock", "deliveries"):
        assert await _out_of_order(shop, topic) == []


@pytest.mark.timeout(60 * max(KILLS, 5))
async def test_random_processes_are_killed_under_load_again_and_again(shop: RunningShop) -> None:
    chance = random.Random(SEED)
    names = [state.name for state in shop.on.supervisor.states]
    dead_letters = await shop.dead_letters()
    victims: list[str] = []
    loads: list[Sent] = []
    print(f"SHOP_CAMPAIGN_SEED={SEED}")

    while len(victims) < KILLS:
        async with shop.load(rate=RATE, seconds=6, begun=chance.randrange(round(3 * RATE))) as end:
            victims.append(chance.choice(names))
            pid = shop.pid(victims[-1])
            await shop.on.supervisor.kill(victims[-1])
            await shop.restarted(victims[-1], pid)
            loads.append(await end())

    result = await shop.audit(deadline=120)

    print(f"killed {' '.join(victims)}; {sum(len(sent.accepted) for sent in loads)} orders accepted")
    assert findings(result) == []
    for sent in loads:
        assert await shop.placed_but_missing(sent) == set()
    assert await shop.dead_letters() == dead_letters
    assert [order for topic in ("orders", "stock", "deliveries") for order in await _out_of_order(shop, topic)] == []


async def _outcomes(shop: RunningShop, sent: Sent) -> set[str]:
    sql = "SELECT DISTINCT status FROM orders WHERE customer_id LIKE $1"
    return {row["status"] for row in await shop.rows("orders", sql, f"{sent.run}-%")}


async def _out_of_order(shop: RunningShop, topic: str) -> list[tuple[bytes, list[int]]]:
    """Aggregates whose events do not lie on the topic in the order of their versions; an event that is there twice
    counts once."""
    sequences: defaultdict[bytes, list[int]] = defaultdict(list)
    for entry in await log.records(shop.layout.broker(), topic):
        version = int(dict(entry.headers)["ce_sequence"])
        if version not in sequences[entry.key]:
            sequences[entry.key].append(version)
    return [(key, versions) for key, versions in sequences.items() if versions != sorted(versions)]
