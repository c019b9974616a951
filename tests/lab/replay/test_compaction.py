"""What compaction has removed: a rebuild does not miss it, and a look into the past says what it cannot know."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from events.topics import BROKER_TIME, COMPACTED, Topic, declare
from lab.replay.moments import Moment
from orders_svc.read_models.product_copy import MODEL as PRODUCTS
from tests.events.stand import product, read
from tests.lab.replay.following import Following, Rows
from tests.lab.replay.test_past import Recorder, back
from tests.waiting import eventually

AT_ONCE = {
    "min.compaction.lag.ms": "0",
    "min.cleanable.dirty.ratio": "0.001",
    "segment.ms": "50",
    "delete.retention.ms": "0",
}
"""Segments of 50 ms, and everything but the newest record of each key is removed from all but the one being written."""


@pytest.fixture
async def compacted(following: Following) -> Following:
    topic = Topic("products", COMPACTED | BROKER_TIME | AT_ONCE)
    await declare(following.kafka, [topic], partitions=2, say=lambda line: None)
    return following


async def left(following: Following) -> dict[int, list[int]]:
    """Product -> its versions that are still on the topic, in their order."""
    found: dict[int, list[int]] = {}
    for record in await read(following.kafka, "products"):
        found.setdefault(int(record.key), []).append(int(dict(record.headers)["ce_sequence"]))
    return found


async def until_removed(following: Following, expected: dict[int, list[int]]) -> None:
    """Others (100, 101, ...) are published until the segments before them were compacted."""
    others = count(100)

    async def removed() -> bool:
        await following.publish(*(product(next(others), 1) for _ in range(8)))
        found = await left(following)
        return {key: versions for key, versions in found.items() if key < 100} == expected

    await eventually(removed, within=120, every=0.5)


def those(rows: Rows, wanted: Callable[[int], bool]) -> Rows:
    return [row for row in rows if wanted(row[0])]


async def test_the_rebuild_equals_the_live_copy_that_saw_every_version(compacted: Following) -> None:
    await compacted.publish(*(product(key, version) for version in range(1, 21) for key in range(1, 11)))
    await compacted.project(PRODUCTS)
    await until_removed(compacted, {key: [20] for key in range(1, 11)})
    await compacted.publish(product(1, 19), product(2, 21))  # a late duplicate, and news
    await compacted.project(PRODUCTS)
    live = await compacted.tables(PRODUCTS)
    appended = sum((await compacted.positions(PRODUCTS)).values())

    done = await compacted.rebuild(PRODUCTS)

    assert done.equal
    assert done.swapped
    assert done.counts.read < appended - 150, "compaction has removed records"
    assert await compacted.tables(PRODUCTS) == live
    assert [row[6] for row in live["product_copy"][:2]] == [20, 21]


async def test_products_whose_state_was_removed_are_unknown_and_all_others_are_what_they_were(
    compacted: Following,
) -> None:
    recorder = Recorder(compacted, PRODUCTS)
    one = await recorder.step(*(product(key, version) for version in (1, 2, 3) for key in range(1, 7)))
    two = await recorder.step(product(1, 4), product(2, 4))
    await recorder.step(product(1, 5), product(7, 1), product(8, 1), product(8, 2))
    await until_removed(compacted, {1: [5], 2: [4], **{key: [3] for key in range(3, 7)}, 7: [1], 8: [2]})
    now = await recorder.step(product(3, 2))  # a late duplicate is the last record of all

    for until in (Moment(time=one.time), one.offsets_of(PRODUCTS)):
        then = await back(compacted, PRODUCTS, until)
        assert not then.complete
        assert then.unknown == {
            "1": "its first version that is left, 5, is a later one",
            "2": "its first version that is left, 4, is a later one",
            "8": "its first version that is left, 2, is a later one",
        }
        assert await then_said(compacted) == those(one.truth["product_copy"], lambda key: key not in (1, 2, 8))

    then = await back(compacted, PRODUCTS, Moment(time=two.time))
    assert set(then.unknown) == {"1", "8"}
    assert await then_said(compacted) == those(two.truth["product_copy"], lambda key: key != 1)

    then = await back(compacted, PRODUCTS, Moment(time=now.time))
    assert then.complete
    assert await then_said(compacted) == now.truth["product_copy"]
    assert (await compacted.rebuild(PRODUCTS)).swapped


async def then_said(following: Following) -> Rows:
    said: dict[str, Any] = await following.tables(PRODUCTS, "_then")
    rows: Rows = said["product_copy"]
    return rows
