"""One process under supervision: its lives, from one start to the next crash."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import lab
from lab.supervision.claim import Claim
from lab.supervision.errors import StartFailed, SupervisionError
from lab.supervision.home import Home
from lab.supervision.life import Life
from lab.supervision.logs import LogFile
from lab.supervision.readiness import is_ready
from lab.supervision.spec import ProcessSpec
from lab.supervision.state import Phase, ProcessState

_CHECKOUT = Path(lab.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Listeners:
    """Who hears of a process: `line` each line it prints, `note` what the supervisor has to say, `changed` a phase."""

    line: Callable[[str, str], None]
    note: Callable[[str, str], None]
    changed: Callable[[], None]


@dataclass(frozen=True)
class BackOff:
    """Seconds between a crash and the next start: doubling from `first` to `longest`; a life of `forgiven_after`
    seconds begins again at `first`."""

    first: float = 0.25
    longest: float = 10.0
    forgiven_after: float = 30.0


class ManagedProcess:
    """Guarantees: at most one life at a time; a life that ended has left no member of its process group; whatever
    ends the task that runs it (also cancellation) ends the process first."""

    def __init__(self, spec: ProcessSpec, home: Home, listeners: Listeners, back_off: BackOff) -> None:
        self.spec = spec
        self.restarts = 0
        self.restarts_paused = not spec.restart
        self._home, self._listeners, self._back_off = home, listeners, back_off
        self._claim = Claim(home, spec.name)
        self._log: LogFile | None = None
        self._life: Life | None = None
        self._runner: asyncio.Task[None] | None = None
        self._ending = False
        self._phase, self._since = Phase.STOPPED, time.time()
        self._phase_before = Phase.READY

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def state(self) -> ProcessState:
        identity = self._life.identity if self._life else None
        return ProcessState(
            name=self.spec.name,
            phase=self._phase,
            pid=identity.pid if identity else None,
            start=identity.start if identity else None,
            port=self.spec.port,
            restarts=self.restarts,
            since=self._since,
        )

    async def start(self) -> None:
        """Returns when it is ready; StartFailed when it ends before that or takes longer than `ready_deadline`.
        Does nothing when it already runs."""
        if self._runner and not self._runner.done():
            return
        self._ending = False
        self._enter(Phase.PREPARING)
        try:
            await asyncio.to_thread(self._claim.take, self.spec.stop_signal)
            self._log = self._log or LogFile(self._home.log_file(self.spec.name))
            await self._prepare()
            first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._runner = asyncio.create_task(self._run(first_ready), name=f"supervise {self.spec.name}")
            await asyncio.wait([self._runner, first_ready], return_when=asyncio.FIRST_COMPLETED)
            if not first_ready.done():
                self._runner.result()
            first_ready.result()
        except BaseException:
            await self._abandon()
            raise

    async def stop(self, at_once: asyncio.Event) -> None:
        """Asks it to end and returns when nothing of it is left; SIGKILL after the grace, or when `at_once` is set."""
        self._ending = True
        life = self._life
        if life and self._runner:
            suspended = self._phase is Phase.SUSPENDED
            self._enter(Phase.STOPPING)
            life.send(self.spec.stop_signal, wake=suspended)
            if not await life.ended_within(self.spec.stop_grace, at_once):
                if not at_once.is_set():
                    self._note(f"did not end within {self.spec.stop_grace:g} s and is killed")
                life.identity.send(signal.SIGKILL)
            await asyncio.wait([self._runner])
        await self._abandon()

    async def kill(self) -> None:
        """SIGKILL to all of it; returns when it is dead. What happens next is for the restart policy to say."""
        if self._life:
            life = self._life
            life.identity.send(signal.SIGKILL)
            await life.ended()

    def suspend(self) -> None:
        """SIGSTOP: alive, but answering nobody."""
        if self._phase is not Phase.SUSPENDED:
            self._phase_before = self._phase
            self._signal_life(signal.SIGSTOP, Phase.SUSPENDED)

    def resume(self) -> None:
        if self._phase is Phase.SUSPENDED:
            self._signal_life(signal.SIGCONT, self._phase_before)

    def close(self) -> None:
        """Lets go of the log and the claim; the process must have been stopped."""
        self._claim.release()
        if self._log:
            self._log.close()
            self._log = None

    async def _run(self, first_ready: asyncio.Future[None]) -> None:
        """What goes wrong on a first start is raised to the starter; later it is noted, and the process stays down."""
        try:
            await self._run_lives(first_ready)
        except Exception as error:
            if not first_ready.done():
                raise
            self._note(f"cannot be kept running: {error}")
            self._enter(Phase.DOWN)

    async def _run_lives(self, first_ready: asyncio.Future[None]) -> None:
        delay, told = self._back_off.first, False
        while True:
            began = time.monotonic()
            reason = await self._live(first_ready)
            if not first_ready.done():
                first_ready.set_exception(StartFailed(self.spec.name, reason, self._log.recent if self._log else ()))
                return
            if self._ending:
                return
            if self.restarts_paused:
                self._enter(Phase.DOWN)
                return
            if time.monotonic() - began > self._back_off.forgiven_after:
                delay, told = self._back_off.first, False
            if not told:
                told = True
                self._note(f"{reason} and is started again (and again, up to {self._back_off.longest:g} s apart)")
            self._enter(Phase.BACKING_OFF)
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._back_off.longest)
            self.restarts += 1

    async def _live(self, first_ready: asyncio.Future[None]) -> str:
        """One life, from spawn to burial; returns why it ended."""
        self._enter(Phase.STARTING)
        deadline = time.monotonic() + self.spec.ready_deadline
        if self.spec.clear and not await self._until(self.spec.clear, deadline):
            return "cannot start: what an earlier life left behind is still there"
        if self._log:
            self._log.begin_life()
        try:
            life = self._life = await Life.begin(self.spec, self._on_line)
        except SupervisionError as error:
            return str(error)
        try:
            self._claim.record(life.identity)
            self._listeners.changed()
            overdue = await self._watch_until_ready(life, deadline, first_ready)
            if overdue:
                life.identity.send(signal.SIGKILL)
            code = await life.ended()
            return overdue or _how_it_ended(code)
        finally:
            await life.bury()
            self._life = None

    async def _watch_until_ready(self, life: Life, deadline: float, first_ready: asyncio.Future[None]) -> str | None:
        """Only a first start has a deadline: a restarted process may wait for others for as long as they are away."""
        while life.running:
            if await is_ready(self.spec.ready) and life.running:
                if self._phase is Phase.STARTING:
                    self._enter(Phase.READY)
                if not first_ready.done():
                    first_ready.set_result(None)
                return None
            if not first_ready.done() and time.monotonic() > deadline:
                return f"was not ready after {self.spec.ready_deadline:g} s"
            await life.ended_within(0.03)
        return None

    async def _prepare(self) -> None:
        if self.spec.prepare is None:
            return
        command = replace(self.spec, argv=self.spec.prepare, cwd=_CHECKOUT, account=None, death_signal=signal.SIGKILL)
        life = await Life.begin(command, self._on_line)
        try:
            code = await life.ended()
        finally:
            await life.bury()
        if code:
            raise StartFailed(self.spec.name, "could not be prepared", self._log.recent if self._log else ())

    async def _until(self, condition: Callable[[], bool], deadline: float) -> bool:
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _abandon(self) -> None:
        """Ends the runner, and with it the process."""
        if self._runner:
            if not self._runner.cancelling():
                self._runner.cancel()
            await asyncio.wait([self._runner])
            self._runner = None
        self._enter(Phase.STOPPED)

    def _signal_life(self, number: signal.Signals, phase: Phase) -> None:
        if self._life is None or not self._life.running:
            raise SupervisionError(f"{self.spec.name} does not run")
        self._life.identity.send(number)
        self._enter(phase)

    def _on_line(self, line: str) -> None:
        """A full disk or a closed terminal costs the line, not the process (which would die of its broken pipe)."""
        with contextlib.suppress(OSError):
            if self._log:
                self._log.write(line)
        with contextlib.suppress(OSError):
            self._listeners.line(self.spec.name, line)

    def _note(self, text: str) -> None:
        self._listeners.note(self.spec.name, text)

    def _enter(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase, self._since = phase, time.time()
            self._listeners.changed()


def _how_it_ended(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
