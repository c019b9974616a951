"""A wire between two services that a test can cut: a TCP proxy. What is cut is silent in both directions, as behind a
switch that died: connections open, and nothing comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Wire:
    """Leads from ``port`` to ``target``. ``watch`` sees every piece that a client sends before it is passed on."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.watch: Callable[[bytes], object] = lambda _piece: None
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._ends: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Nothing passes any more, neither what is sent from now on nor what is on its way."""
        self._whole.clear()

    def mend(self) -> None:
        """New connections get through; those that were cut are closed, as they would have timed out."""
        for writer in self._ends:
            writer.transport.abort()
        self._whole.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            await self._whole.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._ends.add(back)
            try:
                await asyncio.gather(self._pass(reader, back, self.watch), self._pass(there, writer, lambda _: None))
            finally:
                self._ends.discard(back)
                back.transport.abort()
        except OSError:
            pass
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Callable[[bytes], object]
    ) -> None:
        while piece := await reader.read(65536):
            watch(piece)
            await self._whole.wait()
            writer.write(piece)
            await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def wire(target: int) -> AsyncIterator[Wire]:
    """A wire to that port of this machine."""
    line = Wire(target)
    server = await asyncio.start_server(line.connected, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        line.mend()
        server.close()
