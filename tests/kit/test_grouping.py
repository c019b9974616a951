"""Who waits at the same moment is written together, and nobody pays for another's mistake."""

import asyncio
from collections.abc import Sequence

import pytest

from kit.grouping import Grouping


class Writer:
    """Doubles numbers; refuses 13; fails for everybody while ``away``. The first call waits for ``gate``."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.away = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        if len(self.groups) == 1:
            await self.gate.wait()
        if self.away:
            raise ConnectionRefusedError("the database is away")
        if 13 in items:
            raise ValueError("13 is not written")
        return [item * 2 for item in items]


async def gathered(grouping: Grouping[int, int], writer: Writer, items: Sequence[int]) -> list[int | BaseException]:
    """``items`` while the first group is being written: they wait, and make the next ones."""
    first = asyncio.create_task(grouping.do(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(grouping.do(item)) for item in items]
    await asyncio.sleep(0)
    writer.gate.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_one_that_comes_alone_is_written_at_once() -> None:
    writer = Writer()
    writer.gate.set()
    assert await Grouping(writer).do(4) == 8
    assert writer.groups == [[4]]


async def test_those_that_wait_are_written_together_and_answered_each_for_itself() -> None:
    writer = Writer()
    assert await gathered(Grouping(writer), writer, [1, 2, 3]) == [2, 4, 6]
    assert writer.groups == [[0], [1, 2, 3]]


async def test_a_group_is_not_larger_than_the_limit() -> None:
    writer = Writer()
    assert await gathered(Grouping(writer, limit=2), writer, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert [len(group) for group in writer.groups] == [1, 2, 2, 1]


async def test_a_bad_item_gets_its_error_and_sinks_nobody() -> None:
    writer = Writer()
    results = await gathered(Grouping(writer), writer, [1, 13, 3])
    assert (results[0], results[2]) == (2, 6)
    assert isinstance(results[1], ValueError)
    assert writer.groups[2:] == [[1], [13], [3]]


async def test_when_the_database_is_away_the_whole_group_fails_at_once() -> None:
    writer = Writer()
    grouping = Grouping(writer)
    first = asyncio.create_task(grouping.do(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(grouping.do(item)) for item in (1, 2, 3)]
    writer.away = True
    writer.gate.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    assert all(isinstance(result, ConnectionRefusedError) for result in results)
    assert len(writer.groups) == 2


async def test_it_goes_on_after_a_failure() -> None:
    writer = Writer()
    writer.gate.set()
    grouping = Grouping(writer)
    with pytest.raises(ValueError, match="13"):
        await grouping.do(13)
    assert await grouping.do(4) == 8


async def test_a_caller_that_went_away_before_its_group_was_begun_is_left_out() -> None:
    writer = Writer()
    grouping = Grouping(writer)
    first = asyncio.create_task(grouping.do(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone, stays = asyncio.create_task(grouping.do(1)), asyncio.create_task(grouping.do(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    writer.gate.set()
    assert (await first, await stays) == (0, 4)
    assert writer.groups == [[0], [2]]
