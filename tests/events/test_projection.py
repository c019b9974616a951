"""Read models: rows and position in one transaction, whoever delivers the records, and however often."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from events import standing, topics
from events.envelope import encode
from events.faust_worker import prepare
from events.kafka import Kafka
from events.log_bounds import Bounds, log_bounds
from events.positions import Partition, PositionMoved, Positions, TopicRecreated
from events.projection import Projector
from events.watchdog import watch_over
from tests.events.stand import Stand, delete, product, publish, publish_raw, read, recreate
from tests.events.tally import TABLE, Tally, worker
from tests.waiting import eventually


@pytest.fixture
async def shop(shop: Stand) -> Stand:
    await shop.rows(TABLE.split(";")[0])
    await shop.rows(TABLE.split(";")[1])
    return shop


class Delivered:
    """A record as some consumer would deliver it."""

    def __init__(self, offset: int, product_id: int, version: int, *, stock: int = 1, partition: int = 0) -> None:
        self.topic, self.partition, self.offset, self.timestamp = "t.products", partition, offset, 0
        self.key, self.value, self.headers = encode(product(product_id, version, stock=stock))


async def test_rows_and_position_are_written_together(shop: Stand) -> None:
    await Projector(Tally(), shop.database).project([Delivered(0, 1, 1), Delivered(1, 2, 1), Delivered(2, 1, 2)])
    assert await _tally(shop) == [(1, 2, 2), (2, 1, 1)]
    assert await _positions(shop) == [("t.products", 0, 3)]


async def test_what_lies_below_the_position_is_skipped(shop: Stand) -> None:
    records = [Delivered(number, 1, number + 1) for number in range(10)]
    await Projector(Tally(), shop.database).project(records[:6])
    await Projector(Tally(), shop.database).project(records)
    await Projector(Tally(), shop.database).project(records)
    assert await _tally(shop) == [(1, 10, 10)]


async def test_a_poison_event_is_a_dead_letter_in_the_same_transaction(shop: Stand) -> None:
    records = [Delivered(number, number, 1, stock=-1 if number == 3 else 1) for number in range(8)]
    await Projector(Tally(), shop.database).project(records)
    assert [row[0] for row in await _tally(shop)] == [0, 1, 2, 4, 5, 6, 7]
    assert await shop.rows('SELECT consumer, "offset", error FROM dead_letters') == [
        ("tally", 3, "ValueError: no shop has less than nothing")
    ]
    assert await _positions(shop) == [("t.products", 0, 8)]


async def test_a_position_that_went_back_is_never_jumped_over(shop: Stand) -> None:
    """Somebody resets the position while a worker has later records in hand: it must read again, not go on."""
    projector = Projector(Tally(), shop.database)
    await projector.project([Delivered(0, 1, 1), Delivered(1, 1, 2)])
    async with shop.database.connection() as connection:
        await Positions("tally").set(connection, ("t.products", 0), 0)
    with pytest.raises(PositionMoved):
        await projector.project([Delivered(2, 1, 3)])
    assert await _positions(shop) == [("t.products", 0, 0)]


async def test_a_topic_shorter_than_the_position_stops_the_worker_at_its_start(shop: Stand) -> None:
    place = (shop.kafka.topic("products"), 0)
    async with shop.database.connection() as connection:
        await Positions("tally").set(connection, place, 99)
    with pytest.raises(TopicRecreated, match="stands at offset 99"):
        await prepare(Tally(), shop.kafka, shop.url)


async def test_a_topic_recreated_under_a_running_worker_stops_it(
    shop: Stand, capfd: pytest.CaptureFixture[str]
) -> None:
    await publish(shop.kafka, [product(number, 1) for number in range(20)])
    with worker(shop) as process:
        await eventually(lambda: _seen(shop, 20))
        await recreate(shop.kafka, "products")
        await publish(shop.kafka, [product(99, 1)])
        assert process.wait(30) == 1
    assert "the topic was recreated or has lost records" in "".join(capfd.readouterr())
    assert len(await _tally(shop)) == 20


async def test_a_worker_copies_marks_itself_ready_and_stops_cleanly(shop: Stand) -> None:
    await publish(shop.kafka, [product(number, 1) for number in range(20)])
    with worker(shop) as process:
        await eventually(lambda: _seen(shop, 20))
        await eventually(lambda: shop.rows("SELECT * FROM ready"))
        await publish(shop.kafka, [product(number, 2) for number in range(20)])
        await eventually(lambda: _seen(shop, 40))
        process.terminate()
        assert process.wait(20) == 0


async def test_a_read_model_is_not_ready_while_its_topic_is_empty(shop: Stand) -> None:
    with worker(shop):
        await publish_raw(shop.kafka, "orders", b"{}")
        await eventually(lambda: _has_positions(shop))
        assert await shop.rows("SELECT * FROM ready") == []
        await publish(shop.kafka, [product(1, 1)])
        await eventually(lambda: shop.rows("SELECT * FROM ready"))
        assert await _tally(shop) == [(1, 1, 1)]


async def test_a_read_model_has_caught_up_when_its_topics_have_come_to_rest(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there at the first look may be the first of many that are just being published."""
    looks = Looks(shop, [0, 5, 8, 8])
    monkeypatch.setattr(standing, "log_bounds", looks)
    await looks.stand_at(5)
    waiting = asyncio.create_task(standing.caught_up(Tally(), shop.kafka, shop.database))
    await eventually(lambda: looks.number == 3)
    await looks.stand_at(7)
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await looks.stand_at(8)
    await asyncio.wait_for(waiting, 5)
    assert looks.number == 4


async def test_a_topic_that_is_missing_for_a_moment_is_waited_for(shop: Stand) -> None:
    await publish(shop.kafka, [product(1, 1)])
    await delete(shop.kafka, "products")
    waiting = asyncio.create_task(standing.caught_up(Tally(), shop.kafka, shop.database))
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await topics.declare(shop.kafka, partitions=2, say=lambda _: None)
    await publish(shop.kafka, [product(1, 1)])
    await Projector(Tally(), shop.database).project(await read(shop.kafka, "products"))
    await asyncio.wait_for(waiting, 10)


async def test_a_model_that_is_behind_and_does_not_move_ends_its_worker(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that moves, however slowly, does not."""
    looks, watching = await watched(shop, monkeypatch, end=100, stands_at=5, still_seconds=3.0)
    for place in range(6, 26):
        await asyncio.wait([watching], timeout=0.2)
        await looks.stand_at(place)
    assert not watching.done()
    with pytest.raises(standing.StandsStill, match="has not moved"):
        await asyncio.wait_for(watching, 20)


async def test_the_watchdog_looks_on_while_the_loop_of_the_worker_is_stuck(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(standing, "STILL_SECONDS", 0.1)
    await publish(shop.kafka, [product(1, 1)])
    ended = threading.Event()
    watch_over(Tally(), kafka=shop.kafka, database_url=shop.url, end=ended.set)
    assert ended.wait(30), "although this thread's loop stands still here"


async def test_a_model_that_has_read_everything_may_stand_for_ever(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, watching = await watched(shop, monkeypatch, end=8, stands_at=8, still_seconds=0.0)
    await eventually(lambda: looks.number > 20)
    assert not watching.done()
    watching.cancel()


async def test_topics_that_never_rest_are_not_waited_for_without_end(
    shop: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(shop, list(range(1, 100)))
    monkeypatch.setattr(standing, "log_bounds", looks)
    await looks.stand_at(100)
    await asyncio.wait_for(standing.caught_up(Tally(), shop.kafka, shop.database), 20)
    assert looks.number == standing.LOOKS


async def test_kill_9_of_the_worker_loses_no_change_and_counts_none_twice(shop: Stand) -> None:
    await publish(shop.kafka, [product(number % 50, number // 50 + 1) for number in range(5000)])
    with worker(shop) as first:
        await eventually(lambda: _seen(shop, 100))
        first.kill()
        first.wait(20)
    assert not await _seen(shop, 5000), "it was killed in the middle"
    with worker(shop):
        await eventually(lambda: _seen(shop, 5000), within=60)
    assert await _tally(shop) == [(number, 100, 100) for number in range(50)]


async def test_a_late_duplicate_of_an_older_version_does_not_overwrite(shop: Stand) -> None:
    with worker(shop):
        await publish(shop.kafka, [product(1, 1), product(1, 2), product(1, 1)])
        await eventually(lambda: _seen(shop, 3))
    assert await _tally(shop) == [(1, 2, 3)]


async def test_a_worker_whose_group_is_ahead_of_its_positions_reads_again(shop: Stand) -> None:
    """The database was restored from a backup: Kafka's offsets lie behind what the rows know."""
    await publish(shop.kafka, [product(number, 1) for number in range(30)])
    with worker(shop) as process:
        await eventually(lambda: _seen(shop, 30))
        process.terminate()
        assert process.wait(20) == 0
    await shop.rows("UPDATE positions SET next_offset = 0")
    await shop.rows("TRUNCATE tally")
    with worker(shop):
        await eventually(lambda: _seen(shop, 30))


async def test_a_worker_whose_work_cannot_be_done_ends_with_an_error(shop: Stand) -> None:
    await publish(shop.kafka, [product(1, 1)])
    await shop.rows("DROP TABLE dead_letters")
    await shop.rows("DROP TABLE tally")
    with worker(shop) as process:
        assert process.wait(30) != 0
    assert await shop.rows("SELECT sum(next_offset) FROM positions") == [(0,)]


async def test_log_bounds_are_what_the_topics_hold(shop: Stand) -> None:
    await publish(shop.kafka, [product(number, 1) for number in range(30)])
    bounds = await log_bounds(shop.kafka, ["products", "orders"])
    assert len(bounds) == 4
    assert sum(bound.end for bound in bounds.values()) == 30
    assert all(bound.beginning == 0 for bound in bounds.values())


class Looks:
    """In place of ``log_bounds``: the end of partition 0 at the first look, the second, ..."""

    def __init__(self, shop: Stand, ends: Sequence[int]) -> None:
        self.number = 0
        self._shop = shop
        self._ends = ends
        self._place = (shop.kafka.topic("products"), 0)

    async def __call__(self, _kafka: Kafka, _topics: Sequence[str]) -> dict[Partition, Bounds]:
        self.number += 1
        return {self._place: Bounds(0, self._ends[self.number - 1])}

    async def stand_at(self, offset: int) -> None:
        async with self._shop.database.connection() as connection:
            await Positions("tally").set(connection, self._place, offset)


async def watched(
    shop: Stand, monkeypatch: pytest.MonkeyPatch, *, end: int, stands_at: int, still_seconds: float
) -> tuple[Looks, "asyncio.Task[None]"]:
    """A watch over a topic that ends at ``end``, with many looks a second."""
    monkeypatch.setattr(standing, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(standing, "STILL_SECONDS", still_seconds)
    looks = Looks(shop, [end] * 10_000)
    monkeypatch.setattr(standing, "log_bounds", looks)
    await looks.stand_at(stands_at)
    return looks, asyncio.create_task(standing.watch(Tally(), shop.kafka, shop.database))


async def _seen(shop: Stand, number: int) -> bool:
    return bool(await shop.value("SELECT coalesce(sum(seen), 0) >= $1 FROM tally", number))


async def _tally(shop: Stand) -> Sequence[tuple[int, int, int]]:
    return await shop.rows("SELECT product_id, version, seen FROM tally ORDER BY product_id")


async def _positions(shop: Stand) -> Sequence[tuple[str, int, int]]:
    return await shop.rows("SELECT topic, partition, next_offset FROM positions")


async def _has_positions(shop: Stand) -> bool:
    return bool(await shop.rows("SELECT * FROM positions"))
