"""How far a run came that did not come to its end, and what it ended by."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lab.supervision import Interrupted


@contextmanager
def stoppable(document: dict[str, Any], *, rounds: int) -> Iterator[None]:
    """When the block does not come to its end, the document's ``stopped`` says how many of so many planned rounds it
    has, and ``why`` when something went wrong; what ended it is raised all the same. After a whole one ``stopped`` is
    None."""
    try:
        yield
    except BaseException as error:
        document["stopped"] = {"rounds_done": len(document["rounds"]), "rounds_planned": rounds}
        if why := _why(error):
            document["stopped"]["why"] = why
        raise
    document["stopped"] = None


def how_far(stopped: Mapping[str, Any]) -> str:
    """``4 of 12 rounds``, and what went wrong."""
    why = one_line(stopped.get("why"))
    return f"{stopped.get('rounds_done')} of {stopped.get('rounds_planned')} rounds{why and f' ({why})'}"


def one_line(text: object, most: int = 300) -> str:
    """What went wrong, without the log lines below it and no longer than that; empty for None."""
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
