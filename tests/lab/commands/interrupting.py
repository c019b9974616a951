"""``shop`` in the foreground, and Ctrl-C when it says something."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from lab.backends import Addresses
from lab.supervision import Home, read_state
from lab.supervision.claim import all_recorded


def interrupted(
    *arguments: str, home: Path, addresses: Addresses, when: str, folder: Path | None = None, within: float = 120
) -> str:
    """All that it said. It gets the signal at the first line with ``when`` in it, must end with 130 then, and is killed
    after ``within`` seconds. ``folder`` is where it is started."""
    environment = {
        **os.environ,
        "SHOP_HOME": str(home),
        "KAFKA_BOOTSTRAP_SERVERS": addresses.kafka,
        "SHOP_POSTGRES_URL": addresses.postgres,
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kill = threading.Timer(within, process.kill)
    kill.start()
    seen: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(line)
            if when in line:
                process.send_signal(signal.SIGINT)
                break
        seen.append(process.stdout.read())
        assert process.wait(60) == 130, "".join(seen)
    finally:
        kill.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    return "".join(seen)


def runs_nothing(home: Home) -> bool:
    """Neither a shop nor a process that was started there."""
    return read_state(home) is None and not any(identity.alive for identity in all_recorded(home).values())
