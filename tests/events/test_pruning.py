"""Bookkeeping does not grow for ever, and cleaning it up costs a bounded amount at a time."""

from datetime import timedelta

import pytest

from events import pruning
from events.pruning import Pruner
from kit.database import Database
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


async def test_the_first_time_is_soon_after_the_start(shop: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is started anew every day prunes all the same."""
    monkeypatch.setattr(pruning, "FIRST", timedelta(milliseconds=20))
    await _handled(shop, 10, days_ago=31)
    async with running(Pruner(shop.database)):
        await eventually(lambda: _empty(shop))


async def test_what_was_deleted_is_not_stepped_over_again(shop: Stand) -> None:
    """Not even while somebody's old snapshot keeps vacuum away: each entry of the index is read about once."""
    await _handled(shop, 5000, days_ago=31)
    await shop.rows("UPDATE inbox SET handled_at = handled_at - random() * interval '1 day'")
    await shop.rows("VACUUM FULL ANALYZE inbox")
    single = Database(shop.url, min_size=1, max_size=1)
    await single.open()
    async with shop.database.connection() as old, old.raw.transaction(isolation="repeatable_read"):
        await old.raw.fetch("SELECT 1 FROM inbox LIMIT 1")
        assert await Pruner(single, batch=100).prune() == 5000
    async with single.connection() as connection:
        await connection.raw.fetch("SELECT pg_stat_force_next_flush()")
        await connection.raw.fetch("SELECT 1")
    await single.close()
    entries = await shop.value("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'inbox_handled_at'")
    assert 5000 <= entries < 6000


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
