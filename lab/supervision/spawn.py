"""Starting a process so that it cannot outlive whoever started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

import psutil

from lab.supervision.errors import SupervisionError
from lab.supervision.identity import MARK, ProcessIdentity, kill_all
from lab.supervision.spec import ProcessSpec

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(spec: ProcessSpec, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Starts it in a session of its own (so a terminal's Ctrl-C reaches only the supervisor), stdin empty, stdout and
    stderr to `output`.

    On Linux the kernel sends `death_signal` when the starting thread ends; so that this means "when the process ends",
    only the main thread may call this.
    """
    if threading.current_thread() is not threading.main_thread():
        raise SupervisionError(f"{spec.name} must be started from the main thread")
    account = spec.account
    try:
        return subprocess.Popen(
            list(spec.argv),
            env={**os.environ, **spec.env, MARK: "yes"},
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=die_with_parent(spec.death_signal),
        )
    except (OSError, subprocess.SubprocessError) as error:
        who = f" as user {account.name}" if account else ""
        raise SupervisionError(f"{spec.name} cannot be started{who}: {error}") from error


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`, which runs after the change of user (that change would clear the setting)."""
    libc, parent = _libc, os.getpid()
    if libc is None:
        return None

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(128 + number)

    return ask_the_kernel


def signal_tree(pid: int, number: signal.Signals) -> None:
    """To the process, its group and all its descendants (PostgreSQL's children each have a group of their own).
    The caller must not have reaped the process, or the pid may be another's."""
    identity = ProcessIdentity.of(pid)
    tree = identity.tree() if identity else []
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    if number == signal.SIGKILL:
        kill_all(tree)
        return
    for process in tree:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
