"""How far a generator is, from its process to its starter: lines on its stderr."""

import asyncio
import sys
from collections.abc import Callable

from lab.load.plan import LoadPlan

_WORD = "progress"


async def tell(plan: LoadPlan, so_far: Callable[[], tuple[int, int]]) -> None:
    """Says so every ``plan.progress_seconds``, until cancelled; never when that is 0."""
    while plan.progress_seconds:
        await asyncio.sleep(plan.progress_seconds)
        sent, total = so_far()
        print(_WORD, sent, total, file=sys.stderr, flush=True)


def heard(line: bytes) -> tuple[int, int] | None:
    """Orders sent and to send, or None for a line that says something else."""
    words = line.split()
    if len(words) == 3 and words[0] == _WORD.encode() and words[1].isdigit() and words[2].isdigit():
        return int(words[1]), int(words[2])
    return None
