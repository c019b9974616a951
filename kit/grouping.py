"""Work that arrives one by one and is cheaper together: whoever waits at the same moment goes into one call.

While a group is being written the next one gathers, so at low load a call goes through at once (a group of one) and at
high load the cost of a transaction is shared by all who wait for it. No timer adds latency.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from kit import spans
from kit.database import is_transient

T = TypeVar("T")
R = TypeVar("R")


class Grouping(Generic[T, R]):
    """Calls ``write`` with all items that wait, at most ``limit`` at a time, one group after the other.

    ``write`` returns one result an item, in order; nobody is answered before it has returned (so: before the commit).
    If it raises, the group is retried one by one, so that one bad item sinks nobody else; the exception goes to the
    item that caused it. When the database is away (``is_transient``) the whole group fails at once instead.

    ``name`` says in a sampled trace what is written.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        limit: int = 200,
        name: str = "write, together with others",
    ) -> None:
        self._write = write
        self._name = name
        self._limit = limit
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The result for ``item``. A caller that goes away does not take its item out of a group under way."""
        if spans.CURRENT.get() is not None:
            with spans.transaction(self._name):
                return await self._do(item)
        return await self._do(item)

    async def _do(self, item: T) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_groups())
        return await future

    async def _write_groups(self) -> None:
        spans.CURRENT.set(None)  # it was begun by one of many, and works for all
        while self._waiting:
            group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            group = [(item, future) for item, future in group if not future.done()]
            if group:
                await self._write_group(group)

    async def _write_group(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        """Answers every future of the group, whatever happens: with its result or with the exception of the write."""
        try:
            results = await self._write([item for item, _ in group])
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception) and not is_transient(error):
                for one in group:
                    await self._write_group([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
