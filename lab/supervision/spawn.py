"""Starting a process so that it cannot outlive whoever started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from typing import IO

from lab.supervision.errors import SupervisionError
from lab.supervision.identity import MARK, ProcessIdentity
from lab.supervision.spec import ProcessSpec

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(spec: ProcessSpec, output: IO[bytes] | int) -> tuple[subprocess.Popen[bytes], ProcessIdentity]:
    """Starts it in a session of its own (so a terminal's Ctrl-C reaches only the supervisor), stdin empty, stdout and
    stderr to `output`.

    On Linux the kernel sends `death_signal` when the starting thread ends; so that this means "when the process ends",
    only the main thread may call this.
    """
    if threading.current_thread() is not threading.main_thread():
        raise SupervisionError(f"{spec.name} must be started from the main thread")
    account, token = spec.account, uuid.uuid4().hex
    try:
        process = subprocess.Popen(
            list(spec.argv),
            env={**os.environ, **spec.env, MARK: token},
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
    return process, ProcessIdentity.of(process.pid, token) or ProcessIdentity(process.pid, "gone", token)


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
