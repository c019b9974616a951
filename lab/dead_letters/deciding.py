"""What a person decides about dead letters: to have them handled again, or to let them rest.

Both only mark rows, as the service's own role; handling is up to the consumer (``events.requeued``).
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from lab.dead_letters.letters import Letter
from lab.running.errors import ShopError
from lab.running.layout import SERVICES, Layout
from lab.supervision import RunState
from lab.supervision.state import Phase

_REQUEUE = """
    UPDATE dead_letters SET requeued_at = coalesce(requeued_at, clock_timestamp())
    WHERE id = ANY($1) AND discarded_at IS NULL"""
_DISCARD = """
    UPDATE dead_letters SET discarded_at = clock_timestamp(), discarded_why = $2, requeued_at = NULL
    WHERE id = $1 AND discarded_at IS NULL"""
_LOOK = "SELECT id, attempts, error, requeued_at, discarded_at FROM dead_letters WHERE id = ANY($1)"

Progress = Callable[[int], None]
"""Told how many are settled."""


class Discarded(ShopError):
    """It was discarded before, and that stands."""

    def __init__(self, letter: Letter) -> None:
        assert letter.discarded_at is not None
        super().__init__(
            f"{letter.id} was discarded at {letter.discarded_at:%Y-%m-%d %H:%M:%S} UTC ({letter.discarded_why});"
            " that decision stands"
        )


@dataclass(frozen=True)
class Outcome:
    """``handled``: it had its effects and is gone. ``failed``: a dead letter again, after so many ``attempts``, with
    this ``error``. ``waiting``: not taken up yet. ``discarded``: by somebody else, meanwhile."""

    letter: Letter
    became: str
    attempts: int
    error: str | None = None


async def requeue(layout: Layout, letters: Sequence[Letter]) -> None:
    """Marks them, those of one service at once. Raises Discarded before anything is marked when one of them is."""
    for letter in letters:
        if letter.discarded_at is not None:
            raise Discarded(letter)
    for service in SERVICES:
        ids = [letter.id for letter in letters if letter.service == service]
        if ids:
            await _execute(layout.service_url(service), _REQUEUE, ids)


async def settled(
    layout: Layout, letters: Sequence[Letter], patience: float, progress: Progress = lambda _: None
) -> list[Outcome]:
    """What became of requeued ones, once all are settled or nothing has moved for ``patience`` seconds; in the order in
    which they were given."""
    done: dict[UUID, Outcome] = {}
    until = time.monotonic() + patience
    while True:
        open_ = [letter for letter in letters if letter.id not in done]
        now = await _look(layout, open_)
        news = {id: outcome for id, outcome in now.items() if outcome.became != "waiting"}
        if news:
            done |= news
            until = time.monotonic() + patience
            progress(len(done))
        if len(done) == len(letters) or time.monotonic() >= until:
            return [done.get(letter.id) or now[letter.id] for letter in letters]
        await asyncio.sleep(0.2)


async def discard(layout: Layout, letter: Letter, why: str) -> None:
    """Raises Discarded; ShopError when it is gone."""
    if letter.discarded_at is not None:
        raise Discarded(letter)
    if await _execute(layout.service_url(letter.service), _DISCARD, letter.id, why) != "UPDATE 1":
        raise ShopError(f"{letter.id} was handled or discarded a moment ago; `shop dead-letters list --discarded`")


def absent(letter: Letter, run: RunState | None) -> str | None:
    """Why nobody takes it up: the state of its consumer's process. None when one runs."""
    replica = re.compile(rf"{re.escape(letter.consumer)}(-\d+)?")
    states = [one for one in run.processes if replica.fullmatch(one.name)] if run is not None else []
    if any(one.phase is Phase.READY for one in states):
        return None
    return f"{states[0].name} is {states[0].phase}" if states else f"{letter.consumer} does not run"


async def _look(layout: Layout, letters: Iterable[Letter]) -> dict[UUID, Outcome]:
    rows: dict[UUID, Any] = {}
    wanted = list(letters)
    for service in {letter.service for letter in wanted}:
        connection = await asyncpg.connect(layout.auditor_url(service))
        try:
            ids = [letter.id for letter in wanted if letter.service == service]
            rows |= {row["id"]: row for row in await connection.fetch(_LOOK, ids)}
        finally:
            await connection.close()
    return {letter.id: _outcome(letter, rows.get(letter.id)) for letter in wanted}


def _outcome(letter: Letter, row: Any) -> Outcome:
    if row is None:
        return Outcome(letter, "handled", letter.attempts + 1)
    if row["discarded_at"] is not None:
        return Outcome(letter, "discarded", row["attempts"])
    if row["requeued_at"] is None and row["attempts"] > letter.attempts:
        return Outcome(letter, "failed", row["attempts"], row["error"])
    return Outcome(letter, "waiting", row["attempts"])


async def _execute(url: str, sql: str, *arguments: object) -> str:
    connection = await asyncpg.connect(url, command_timeout=30)
    try:
        status: str = await connection.execute(sql, *arguments)
        return status
    finally:
        await connection.close()
