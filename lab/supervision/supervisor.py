"""Keeps a set of processes running, and leaves none behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from lab.supervision.claim import Claim
from lab.supervision.errors import Interrupted, SupervisionError
from lab.supervision.home import Home
from lab.supervision.identity import ProcessIdentity
from lab.supervision.managed import BackOff, Listeners, ManagedProcess
from lab.supervision.spec import ProcessSpec
from lab.supervision.state import ProcessState, RunState, remove_state, write_state

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _silent(name: str, text: str) -> None:
    pass


class Supervisor:
    """`async with Supervisor(home, specs) as shop:` starts the processes in order, each ready before the next, and
    stops them in reverse order however the block is left.

    Guarantees: SIGINT, SIGTERM and SIGHUP at any moment, also during start-up, cancel what is going on, stop
    everything and raise Interrupted; a second signal skips the grace and kills. A process that ends by itself is
    started again with growing delays, which is said once a series. One supervisor per home. Must run in the main
    thread. `sink(name, line)` hears every line printed, `notes(name, text)` what the supervisor has to say.
    """

    def __init__(
        self,
        home: Home,
        specs: Sequence[ProcessSpec] = (),
        *,
        sink: Callable[[str, str], None] = _silent,
        notes: Callable[[str, str], None] = _silent,
        handle_signals: bool = True,
        back_off: BackOff | None = None,
        name: str = "supervisor",
    ) -> None:
        self._home, self._notes = home, notes
        self._listeners = Listeners(sink, notes, self._write_state)
        self._back_off = back_off or BackOff()
        self._handle_signals = handle_signals
        self._claim = Claim(home, name)
        self._processes: dict[str, ManagedProcess] = {}
        self._initial = tuple(specs)
        self._at_once = asyncio.Event()
        self._owner: asyncio.Task[object] | None = None
        self._signal: signal.Signals | None = None
        self._cancelled_owner = 0
        self._going_down = False
        self._up = False
        self._since = time.time()

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        self._install_handlers()
        try:
            self._claim.take()
            self._claim.record(self._me())
            self._up = True
            for spec in self._initial:
                await self.add(spec)
        except BaseException as error:
            await self._down()
            self._raise_if_interrupted(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._down()
        self._raise_if_interrupted(error)

    async def add(self, spec: ProcessSpec) -> None:
        """Starts one more process, to be stopped before all that are there; returns when it is ready."""
        if spec.name in self._processes:
            raise SupervisionError(f"there is already a process named {spec.name}")
        process = ManagedProcess(spec, self._home, self._listeners, self._back_off)
        self._processes[spec.name] = process
        if spec.note:
            self._notes(spec.name, spec.note)
        try:
            await process.start()
        except Exception:
            process.close()
            del self._processes[spec.name]
            self._write_state()
            raise

    async def remove(self, name: str) -> None:
        """Stops the process and forgets it."""
        process = self._named(name)
        await process.stop(self._at_once)
        process.close()
        del self._processes[name]
        self._write_state()

    async def start(self, name: str) -> None:
        """Starts a process that is down and allows restarts again; returns when it is ready."""
        process = self._named(name)
        process.restarts_paused = not process.spec.restart
        await process.start()

    async def stop(self, name: str) -> None:
        """Asks it to end and keeps it down until `start`."""
        await self._named(name).stop(self._at_once)

    async def kill(self, name: str) -> None:
        """SIGKILL to the process, its group and its descendants; it comes back unless restarts are paused."""
        await self._named(name).kill()

    def suspend(self, name: str) -> None:
        """SIGSTOP: it keeps its connections and answers nobody."""
        self._named(name).suspend()

    def resume(self, name: str) -> None:
        self._named(name).resume()

    def pause_restarts(self, name: str) -> None:
        """From now on a process that ends stays down, until `start` or `resume_restarts`."""
        self._named(name).restarts_paused = True

    async def resume_restarts(self, name: str) -> None:
        """Allows restarts again, and starts the process if it went down meanwhile."""
        await self.start(name)

    @property
    def states(self) -> tuple[ProcessState, ...]:
        return tuple(process.state for process in self._processes.values())

    async def serve(self) -> None:
        """Keeps things running until a signal comes (which leaves the block with Interrupted)."""
        await asyncio.Event().wait()

    async def _down(self) -> None:
        """Cannot be cancelled: a cancellation that comes meanwhile is delivered when everything is down."""
        self._going_down = True
        work = asyncio.create_task(self._stop_all())
        cancelled: asyncio.CancelledError | None = None
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError as error:
                cancelled = error
        self._remove_handlers()
        work.result()
        if cancelled and self._signal is None:
            raise cancelled

    async def _stop_all(self) -> None:
        """Stops every process, whatever one of them does; what went wrong is raised together at the end."""
        errors: list[Exception] = []
        for process in reversed(self._processes.values()):
            try:
                await process.stop(self._at_once)
            except Exception as error:  # noqa: BLE001 - one that resists must not keep the others alive
                errors.append(error)
            process.close()
        if self._up:
            self._up = False
            remove_state(self._home)
            self._claim.release()
        if errors:
            raise ExceptionGroup("stopping", errors)

    def _on_signal(self, number: signal.Signals) -> None:
        if self._signal is not None:
            self._notes("supervisor", "killing everything at once")
            self._at_once.set()
            self._cancel_owner()
            return
        self._signal = number
        self._notes("supervisor", f"{number.name}: stopping (once more to kill at once)")
        self._cancel_owner()

    def _cancel_owner(self) -> None:
        """Ends the block; a second time, whatever the block does about being ended."""
        if not self._going_down and self._owner:
            self._cancelled_owner += 1
            self._owner.cancel()

    def _raise_if_interrupted(self, error: BaseException | None) -> None:
        if self._signal is None:
            return
        if self._owner:
            for _ in range(self._cancelled_owner):
                self._owner.uncancel()
        if error is None or isinstance(error, asyncio.CancelledError) or self._at_once.is_set():
            raise Interrupted(self._signal) from None

    def _install_handlers(self) -> None:
        if self._handle_signals:
            for number in _STOP_SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)

    def _remove_handlers(self) -> None:
        if self._handle_signals:
            for number in _STOP_SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)

    def _named(self, name: str) -> ManagedProcess:
        try:
            return self._processes[name]
        except KeyError:
            raise SupervisionError(f"no process is named {name}; there are: {', '.join(self._processes)}") from None

    def _write_state(self) -> None:
        """A full disk makes the state stale, not the supervisor blind."""
        if self._up:
            with contextlib.suppress(OSError):
                write_state(self._home, RunState(self._me(), self._since, self.states))

    @staticmethod
    def _me() -> ProcessIdentity:
        me = ProcessIdentity.of(os.getpid())
        assert me is not None
        return me
