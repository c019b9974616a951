"""What a participant does when its coordinator has been silent for too long. In two-phase commit it would wait."""

import asyncio
from typing import Literal, Protocol
from uuid import UUID

import structlog

from kit.periodic import every
from kit.three_phase.participant import Participant, Undecided
from kit.three_phase.states import FINAL, State, by_time_out, outcome

log = structlog.get_logger()

How = Literal["ask", "timeouts"]


class Others(Protocol):
    """The rest of the transaction, as far as it can be reached."""

    async def ask(self, order_id: UUID, own: State) -> State | None:
        """The other participant's state, which it is bound to; None when it does not answer."""
        ...

    async def coordinator(self, order_id: UUID) -> State | None:
        """The coordinator's decision; None when it does not answer, or has not decided."""
        ...


class Termination:
    """Ends transactions that have not moved for ``after_seconds``, for ever.

    ``ask``: after asking the other participant and the coordinator. One who does not answer is taken for stopped, and
    the decision is made without it, unless this process has itself been away: then it waits until somebody answers.
    ``timeouts``: at once, by its own state alone. It is wrong whenever the coordinator stops between two pre-commits,
    and is here to be seen.
    """

    def __init__(self, participant: Participant, others: Others, *, after_seconds: float, how: How = "ask") -> None:
        self._participant = participant
        self._others = others
        self._after_seconds = after_seconds
        self._how = how

    async def run(self) -> None:
        await every(min(max(self._after_seconds / 5, 0.05), 1.0), self.sweep)

    async def sweep(self) -> None:
        """One look at what has waited for too long; up to 200 transactions are ended at the same time."""
        await asyncio.gather(*map(self._end, await self._participant.undecided(self._after_seconds)))

    async def _end(self, one: Undecided) -> None:
        end = by_time_out(one.state) if self._how == "timeouts" else await self._asked(one)
        if end is not None and await self._participant.decide(one.order_id, one.state, end):
            log.info("decided without the coordinator", order=str(one.order_id), was=str(one.state), now=str(end))

    async def _asked(self, one: Undecided) -> State | None:
        decided = await self._others.coordinator(one.order_id)
        if decided in FINAL:
            return decided
        other = await self._others.ask(one.order_id, one.state)
        if other is None and not one.met:
            log.warning("recovered, and nobody answers: waiting", order=str(one.order_id), state=str(one.state))
            return None
        return outcome([one.state, other])
