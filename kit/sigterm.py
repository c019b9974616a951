"""What SIGTERM does to a process before uvicorn or Faust handle it in their way."""

import os
import signal
from types import FrameType


def ends_at_once() -> None:
    """From now on SIGTERM ends this process at once, with exit code 143, until somebody else handles it.

    That is what it does anyway, but not to the first process of a container: the kernel drops signals that this one
    does not handle, so that it would go on until it is killed. For work that may be cut off anywhere.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
