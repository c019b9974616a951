"""In which order the tasks of a service end."""

import asyncio

from kit.app import Service
from kit.database import Database


def service(ended: list[str], finishing: bool) -> Service:
    async def task(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def finish() -> None:
        await asyncio.sleep(0)  # the others would get their turn here
        ended.append("finished")

    made = Service("kit", "Kit", Database("-"), [], finishing={"relay": finish} if finishing else {})
    made.running = {name: asyncio.create_task(task(name)) for name in ("relay", "reactions")}
    return made


async def test_a_task_with_something_to_finish_outlives_the_others() -> None:
    ended: list[str] = []
    made = service(ended, finishing=True)
    await asyncio.sleep(0)
    await made.stop()
    assert ended == ["reactions", "finished"]
    assert not made.running["relay"].done()
    made.running["relay"].cancel()


async def test_nothing_is_finished_for_a_task_that_has_failed() -> None:
    ended: list[str] = []
    made = service(ended, finishing=True)
    made.running["relay"].cancel()
    await asyncio.wait([made.running["relay"]])
    await made.stop()
    assert "finished" not in ended


async def test_without_any_all_end_at_once() -> None:
    ended: list[str] = []
    made = service(ended, finishing=False)
    await asyncio.sleep(0)
    await made.stop()
    assert sorted(ended) == ["reactions", "relay"]
