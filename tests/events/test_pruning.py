"""Bookkeeping does not grow for ever, and cleaning it up costs a bounded amount at a time."""

from datetime import timedelta

from events.pruning import Pruner
from tests.events.stand import Stand, running
from tests.waiting import eventually


async def test_old_inbox_entries_are_forgotten_and_young_ones_kept(shop: Stand) -> None:
    await _handled(shop, 250, days_ago=31)
    await _handled(shop, 10, days_ago=29)
    assert await Pruner(shop.database, batch=100).prune() == 250
    assert await shop.value("SELECT count(*) FROM inbox") == 10
    assert await Pruner(shop.database).prune() == 0


async def test_pruning_comes_round_by_itself(shop: Stand) -> None:
    await _handled(shop, 250, days_ago=2)
    async with running(Pruner(shop.database, keep=timedelta(days=1), every=timedelta(milliseconds=20), batch=100)):
        await eventually(lambda: _empty(shop))


async def test_two_replicas_prune_at_the_same_time(shop: Stand) -> None:
    await _handled(shop, 2000, days_ago=31)
    pruners = [Pruner(shop.database, every=timedelta(milliseconds=5), batch=50) for _ in range(3)]
    async with running(*pruners):
        await eventually(lambda: _empty(shop))


async def _handled(shop: Stand, number: int, *, days_ago: int) -> None:
    await shop.rows(
        "INSERT INTO inbox (consumer, source, event_id, handled_at) "
        "SELECT 'products', '/shop/orders', $1 || '-' || n, now() - $1::text::interval FROM generate_series(1, $2) n",
        f"{days_ago} days",
        number,
    )


async def _empty(shop: Stand) -> bool:
    return bool(await shop.value("SELECT count(*) = 0 FROM inbox"))
