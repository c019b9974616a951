"""Rounds that fail: each is told with its reason and is in no figure, and the comparison goes on, unless two in a row
fail."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp

from lab.backends import BackendError
from lab.comparing.schedule import WARMING
from lab.comparing.stopping import named, one_line
from lab.comparing.turns import Turn
from lab.load.process import LoadFailed
from lab.running.away import SERVER_AWAY
from lab.running.errors import ShopError
from lab.supervision import SupervisionError

FAILURES = (
    LoadFailed,
    ShopError,
    SupervisionError,
    BackendError,
    *SERVER_AWAY,
    aiohttp.ClientError,
)
"""What may go wrong around a round. Anything else is a mistake in the program, and ends the run."""
IN_A_ROW = 2
"""So many failures one after the other are no accident."""


class GivenUp(ShopError):
    """It makes no sense to go on; ``str()`` has the last reason."""


class Failures:
    """Writes to ``failed`` of the document."""

    def __init__(self, document: dict[str, Any], say: Callable[[str], None]) -> None:
        self._document, self._say = document, say
        self._found: list[dict[str, Any]] = []
        self._in_a_row = 0
        document["failed"] = self._found

    @contextmanager
    def tolerated(self, turn: Turn) -> Iterator[None]:
        """What is in ``FAILURES`` does not leave the block: the rest of it is left out, and that is written down.
        Raises GivenUp at the second in a row."""
        try:
            yield
        except FAILURES as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # somebody stops the run, and ending the round did not go well
            self._in_a_row += 1
            self._found.append(_entry(turn, error))
            told = told_failed(self._found[-1])
            if self._in_a_row == IN_A_ROW:
                raise GivenUp(f"{IN_A_ROW} rounds failed one after the other: {told}") from error
            self._say(f"failed, going on: {told}")
        else:
            self._in_a_row = 0

    def check(self) -> None:
        """At the end of all rounds. Raises GivenUp when every one of them failed."""
        if self._found and not self._document["rounds"]:
            raise GivenUp(f"no round came to its end: {told_failed(self._found[-1])}")


def told_failed(one: Mapping[str, Any]) -> str:
    """A failed round of a document, and why, in one line."""
    if one.get("round") == WARMING:
        place = f"warming up {one.get('wiring')}"
    else:
        steps = f" at {one['step']}" if one.get("step") else ""
        busy = f", {one['concurrency']} at a time" if one.get("concurrency") else ""
        place = f"{one.get('scenario')}{steps}, {one.get('wiring')}, round {one.get('round')}{busy}"
    return f"{place}: {one_line(one.get('why'))}"


def _entry(turn: Turn, error: BaseException) -> dict[str, Any]:
    return {
        "scenario": turn.scenario,
        "wiring": turn.wiring,
        "round": turn.number,
        "concurrency": turn.concurrency,
        "step": turn.step,
        "why": named(error),
    }
