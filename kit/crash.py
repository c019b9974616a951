"""Named points at which a process can be told to die, as a power cut would kill it: for tests and demonstrations."""

import os
import signal


def _told() -> tuple[str, int]:
    name, _, times = os.environ.get("SHOP_CRASH_AT", "").partition(":")
    if times and not (times.isascii() and times.isdecimal() and int(times) > 0):
        raise ValueError(f"SHOP_CRASH_AT is NAME or NAME:N with N from 1, not {name}:{times}")
    return name, int(times or 1)


_name, _left = _told()


def crash_point(name: str) -> None:
    """Ends the process with SIGKILL when ``SHOP_CRASH_AT`` is this name, or at the N-th call when it is ``name:N``.
    Otherwise it does nothing."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
