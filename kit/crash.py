"""Named points at which a process can be told to die, as a power cut would kill it: for tests and demonstrations."""

import os
import signal
from collections import Counter

_NAME, _, _NTH = os.environ.get("SHOP_CRASH_AT", "").partition(":")
_reached: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Kills this process with SIGKILL when ``SHOP_CRASH_AT`` names this point (``name:3``: the third time it is
    reached). Otherwise nothing happens, at the cost of one comparison."""
    if name != _NAME:
        return
    _reached[name] += 1
    if _reached[name] >= int(_NTH or 1):
        os.kill(os.getpid(), signal.SIGKILL)
