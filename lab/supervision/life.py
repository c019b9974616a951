"""One run of a process, as asyncio sees it: its output, its end, its burial."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Self

from lab.supervision.identity import ProcessIdentity
from lab.supervision.logs import LineSplitter
from lab.supervision.spawn import spawn
from lab.supervision.spec import ProcessSpec


class Life:
    """Guarantees: when `bury` returns, the process is reaped, no member of its group and no descendant of it is left,
    and all its output that had been written was handed on."""

    def __init__(self, process: subprocess.Popen[bytes], identity: ProcessIdentity) -> None:
        self._process = process
        self.identity = identity
        self._ended = asyncio.Event()
        self._watch = asyncio.create_task(self._watch_end())
        self._output: asyncio.ReadTransport | None = None
        self._output_end = asyncio.Event()

    @classmethod
    async def begin(cls, spec: ProcessSpec, on_line: Callable[[str], None]) -> Self:
        """Spawns it; from here to the returned object nothing can be cancelled away from the process."""
        life = cls(*spawn(spec, subprocess.PIPE))
        try:
            await life._read(on_line)
        except BaseException:
            await life.bury()
            raise
        return life

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    def send(self, number: signal.Signals, wake: bool = False) -> None:
        """To the process alone (it tells its children); a suspended one has to be woken to hear it."""
        if self.running:
            os.kill(self.pid, number)
            if wake:
                self.identity.send(signal.SIGCONT)

    async def ended(self) -> int:
        """The exit code, negative for a signal, as soon as the process has ended."""
        await self._ended.wait()
        return self._process.returncode

    async def ended_within(self, seconds: float, unless: asyncio.Event | None = None) -> bool:
        """False when it still runs after that time, or when `unless` was set meanwhile."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._ended, unless) if event]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self._ended.is_set()

    async def bury(self) -> None:
        """Kills what still runs, and reaps."""
        if self.running:
            self.identity.send(signal.SIGKILL)
        await self._watch
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._output_end.wait(), 0.5)
        if self._output:
            self._output.close()

    async def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        loop = asyncio.get_running_loop()
        self._output, _ = await loop.connect_read_pipe(lambda: _Output(on_line, self._output_end), self._process.stdout)

    async def _watch_end(self) -> None:
        """The group is killed before the leader is reaped: until then its number cannot be anybody else's."""
        if hasattr(os, "pidfd_open"):
            await _readable(os.pidfd_open(self.pid))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        while self._process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self.identity.send(signal.SIGKILL)
        self._ended.set()


class _Output(asyncio.Protocol):
    def __init__(self, on_line: Callable[[str], None], end: asyncio.Event) -> None:
        self._on_line, self._end = on_line, end
        self._splitter = LineSplitter()

    def data_received(self, data: bytes) -> None:
        for line in self._splitter.feed(data):
            self._on_line(line)

    def connection_lost(self, error: Exception | None) -> None:
        for line in self._splitter.end():
            self._on_line(line)
        self._end.set()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
