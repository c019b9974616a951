"""A supervisor in the background: start it, hear its progress until it is ready, end it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from lab.supervision.claim import all_recorded, forget, recorded
from lab.supervision.errors import AlreadyRunning, NotStopped, StartFailed
from lab.supervision.home import Home
from lab.supervision.identity import ProcessIdentity
from lab.supervision.logs import LineSplitter, last_lines
from lab.supervision.state import remove_state

_DESCRIPTOR = "SHOP_ANNOUNCE_FD"


class Announcer:
    """The background process's side. Says nothing, and costs nothing, when nobody waits for it."""

    def __init__(self) -> None:
        given = os.environ.pop(_DESCRIPTOR, None)
        self._descriptor: int | None = int(given) if given else None
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)

    def progress(self, line: str) -> None:
        self._say({"progress": line})

    def ready(self) -> None:
        """The waiting command returns; nothing can be announced after this."""
        self._say({"ready": True})
        self._close()

    def failed(self, reason: str) -> None:
        self._say({"failed": reason})
        self._close()

    def _say(self, message: Mapping[str, object]) -> None:
        if self._descriptor is not None:
            try:
                os.write(self._descriptor, json.dumps(message).encode() + b"\n")
            except BrokenPipeError:
                self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def start_detached(
    home: Home,
    argv: Sequence[str],
    deadline: float = 120.0,
    progress: Callable[[str], None] = lambda line: None,
    env: Mapping[str, str] | None = None,
    name: str = "supervisor",
) -> int:
    """Runs the command in a session of its own, output to logs/NAME.log, and returns its pid when it announces that
    it is ready. The command runs a Supervisor in the same home and says so through an Announcer.

    Raises AlreadyRunning when the home has a supervisor; StartFailed with the last log lines when it ends, gives up or
    needs longer than `deadline` seconds. In these cases, and on Ctrl-C, it has been stopped again.
    """
    running = recorded(home, name)
    if running and running.alive:
        raise AlreadyRunning(name, running.pid)
    hear, speak = os.pipe()
    try:
        with open(home.log_file(name), "ab") as log:
            began = log.tell()
            process = subprocess.Popen(
                list(argv),
                env={**os.environ, **(env or {}), _DESCRIPTOR: str(speak)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[speak],
            )
        os.close(speak)
        try:
            reason = _wait_for_ready(hear, time.monotonic() + deadline, progress)
            if reason is not None:
                raise StartFailed(name, reason, last_lines(home.log_file(name)) if _grew(home, name, began) else ())
        except BaseException:
            _end_process(process)
            stop_detached(home, name=name)
            raise
        process.returncode = 0  # From now on it is nobody's child to wait for: no warning when this object goes.
        return process.pid
    finally:
        os.close(hear)


def stop_detached(home: Home, deadline: float = 60.0, name: str = "supervisor") -> list[str]:
    """Ends the supervisor and verifies that nothing it started is left. Returns what had to be ended by force (empty
    when all went as it should; also when nothing ran). NotStopped when something still lives."""
    forced: list[str] = []
    supervisor = recorded(home, name)
    if supervisor and supervisor.alive:
        alone = not _end_gently(supervisor, deadline)
        if alone:
            forced.append(f"{name} (pid {supervisor.pid})")
            supervisor.end(signal.SIGKILL, 0)
    left = []
    for process, identity in all_recorded(home).items():
        if identity.tree():
            forced.append(f"{process} (pid {identity.pid})")
            if not identity.end(signal.SIGTERM, 5.0):
                left.append(f"{process} (pid {identity.pid})")
                continue
        forget(home, process)
    if left:
        raise NotStopped(left)
    remove_state(home)
    return forced


def _end_gently(supervisor: ProcessIdentity, deadline: float) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    until = time.monotonic() + deadline
    while supervisor.alive:
        if time.monotonic() > until:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(supervisor.pid, os.WNOHANG)
        time.sleep(0.02)
    return True


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """It stops its own processes on SIGTERM; what it leaves, stop_detached finds."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_ready(descriptor: int, deadline: float, progress: Callable[[str], None]) -> str | None:
    """None when it is ready, else what went wrong."""
    for message in _messages(descriptor, deadline):
        if "progress" in message:
            progress(str(message["progress"]))
        elif "failed" in message:
            return f"gave up: {message['failed']}"
        else:
            return None
    return "ended before it was ready" if time.monotonic() < deadline else "was not ready in time"


def _messages(descriptor: int, deadline: float) -> Iterator[dict[str, object]]:
    splitter = LineSplitter()
    while (patience := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], patience)[0]:
            data = os.read(descriptor, 65536)
            if not data:
                return
            for line in splitter.feed(data):
                yield json.loads(line)


def _grew(home: Home, name: str, size: int) -> bool:
    return home.log_file(name).stat().st_size > size
