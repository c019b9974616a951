"""How far a run came that did not come to its end, and what it ended by."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lab.supervision import Interrupted


@contextmanager
def stoppable(document: dict[str, Any], *, rounds: int | None = None, searches: int = 0) -> Iterator[None]:
    """When the block does not come to its end, the document's ``stopped`` says how many it has of so many planned
    rounds and searches, and ``why`` when something went wrong; what ended it is raised all the same. After a whole one
    ``stopped`` is None. Within another one it says what it knows, and leaves the rest to that: without ``rounds`` as
    many were planned as were run."""
    try:
        yield
    except BaseException as error:
        done = len(document.get("rounds", ()))
        failed = sum(one["round"] > 0 for one in document.get("failed", ()))
        stopped = {"rounds_done": done, "rounds_planned": done + failed if rounds is None else rounds}
        stopped |= document.get("stopped") or {}
        if searches:
            ended = sum(one["ended"] for one in document.get("capacity", ()))
            stopped |= {"searches_done": ended, "searches_planned": searches}
        if why := _why(error):
            stopped["why"] = why
        document["stopped"] = stopped
        raise
    document["stopped"] = None


def how_far(stopped: Mapping[str, Any]) -> str:
    """``4 of 12 rounds and 0 of 2 searches for the capacity``, and what went wrong."""
    counted = (("rounds", "rounds"), ("searches", "searches for the capacity"))
    parts = [
        f"{stopped.get(f'{name}_done')} of {planned} {words}"
        for name, words in counted
        if (planned := stopped.get(f"{name}_planned"))
    ]
    why = one_line(stopped.get("why"))
    return f"{' and '.join(parts) or 'no round'}{why and f' ({why})'}"


def one_line(text: object, most: int = 300) -> str:
    """What went wrong, on one line and no longer than that; empty for None."""
    line = "" if text is None else " ".join(str(text).split())
    return line if len(line) <= most else f"{line[:most].rstrip()} ..."


def named(error: BaseException) -> str:
    """An error's own words; those that mean nothing by themselves after its type's name."""
    words, kind = str(error), type(error).__name__
    return words if words and not isinstance(error, LookupError | TypeError | ValueError) else f"{kind}: {words}"


def _why(error: BaseException) -> str | None:
    """None when somebody ended it: by a signal, mostly."""
    ended = isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit | Interrupted)
    return None if ended else named(error)
