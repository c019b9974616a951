"""A read model's dead letter that was requeued is applied by its worker, and by nobody else."""

from collections.abc import Sequence

import asyncpg
import pytest

from events import requeued as module
from events.projection import Projector
from events.requeued import requeued_projections
from tests.events.stand import Stand, product, publish, read, running
from tests.events.tally import TABLE, Tally, worker
from tests.waiting import eventually


@pytest.fixture
async def shop(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """With a tally whose event of product 3 has died."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    for statement in TABLE.split(";"):
        await shop.rows(statement)
    await publish(shop.kafka, [product(number, 1, stock=-5 if number == 3 else 5) for number in range(8)])
    await Projector(Tally(), shop.database).project(await read(shop.kafka, "products"))
    assert await shop.value("SELECT count(*) FROM dead_letters") == 1
    return shop


async def requeue(shop: Stand) -> None:
    await shop.rows("UPDATE dead_letters SET requeued_at = now()")


async def seen(shop: Stand) -> Sequence[tuple[int, int]]:
    return await shop.rows("SELECT product_id, seen FROM tally ORDER BY product_id")


async def none_is_requeued(shop: Stand) -> bool:
    return bool(await shop.value("SELECT count(*) = 0 FROM dead_letters WHERE requeued_at IS NOT NULL"))


async def test_the_worker_applies_it_once_and_its_position_stays(shop: Stand) -> None:
    before = await shop.rows("SELECT * FROM positions ORDER BY partition")
    with worker(shop, lowest=-10):
        await requeue(shop)
        await eventually(lambda: none_is_requeued(shop))
        assert await seen(shop) == [(number, 1) for number in range(8)]
        assert await shop.rows("SELECT * FROM positions ORDER BY partition") == before
        await publish(shop.kafka, [product(3, 2)])
        await eventually(lambda: shop.rows("SELECT 1 FROM tally WHERE product_id = 3 AND version = 2"))
    assert await shop.value("SELECT count(*) FROM dead_letters") == 0


async def test_one_that_fails_still_comes_back_and_the_worker_goes_on(shop: Stand) -> None:
    attempts = await shop.value("SELECT attempts FROM dead_letters")
    with worker(shop):
        await requeue(shop)
        await eventually(lambda: none_is_requeued(shop))
        await publish(shop.kafka, [product(9, 1)])
        await eventually(lambda: shop.rows("SELECT 1 FROM tally WHERE product_id = 9"))
    assert await shop.rows("SELECT attempts, error FROM dead_letters") == [
        (attempts + 1, "ValueError: no shop has less than nothing")
    ]


async def test_a_worker_killed_and_started_again_finds_what_was_requeued_meanwhile(shop: Stand) -> None:
    with worker(shop, lowest=-10) as first:
        await eventually(lambda: shop.rows("SELECT * FROM ready"))
        first.kill()
        first.wait(20)
    await requeue(shop)
    with worker(shop, lowest=-10):
        await eventually(lambda: none_is_requeued(shop))
    assert await seen(shop) == [(number, 1) for number in range(8)]


async def test_it_waits_while_the_model_is_being_swapped(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever swaps in a rebuilt model holds the position rows."""
    monkeypatch.setenv("TALLY_LOWEST", "-10")
    swap = await asyncpg.connect(shop.url)
    turn = swap.transaction()
    await turn.start()
    await swap.execute("SELECT 1 FROM positions FOR UPDATE")
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await requeue(shop)
    async with running(requeued_projections(Tally(), shop.database)):
        await eventually(lambda: shop.rows(waiting))
        assert not await none_is_requeued(shop)
        await turn.commit()
        await eventually(lambda: none_is_requeued(shop))
    await swap.close()
    assert (3, 1) in await seen(shop)
