"""Small real processes to supervise, and how to find any that were left behind."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from lab.supervision import Home, ProcessSpec

MARK = "SHOP_TEST_HOME"

_BEHAVIOURS = {
    "waits": "print('up', flush=True); signal.pause()",
    "ends": "print('first'); print('no database', flush=True); sys.exit(3)",
    "is deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()",
    "has children": (
        "import subprocess; subprocess.Popen(['sleep', '600']);"
        "subprocess.Popen(['sleep', '600'], start_new_session=True); print('up', flush=True); signal.pause()"
    ),
}


def process(home: Home, name: str, behaviour: str = "waits", **more: object) -> ProcessSpec:
    """A spec whose process is ready when it has printed `up`."""
    log = home.log_file(name)
    offset = log.stat().st_size if log.exists() else 0
    defaults: dict[str, object] = {"ready": lambda: b"up" in read_from(log, offset), "stop_grace": 5.0}
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-S", "-E", "-c", f"import signal, sys\n{_BEHAVIOURS[behaviour]}"],
        env={MARK: str(home.root)},
        **{**defaults, **more},  # type: ignore[arg-type]
    )


def read_from(path: Path, offset: int = 0) -> bytes:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        return file.read()
    return b""


def left_behind(home: Home) -> list[str]:
    """Processes that carry the home's mark in their environment, this one excepted."""
    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if candidate.pid != os.getpid() and candidate.environ().get(MARK) == str(home.root):
                found.append(f"{candidate.pid} {candidate.status()} {candidate.cmdline()}")
    return found


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Returns when the condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
