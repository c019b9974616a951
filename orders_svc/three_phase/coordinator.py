"""Three-phase commit over the three services, as its coordinator.

can-commit (everybody votes) -> pre-commit (everybody learns that all votes were yes) -> do-commit. A participant that
waits in vain ends the transaction together with the other one, by the rules of ``kit.three_phase.states``; so does this
coordinator for what it finds in its log after a crash. Pre-commits are sent one after the other: the moment between two
of them is where the protocol with time-outs alone goes wrong, and can be stopped at.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter

from calls.client import Caller, Peer, PeerError, PeerRefused
from kit.crash import crash_point
from kit.database import is_transient
from kit.periodic import every
from kit.three_phase import State, outcome
from kit.three_phase.routes import PREFIX
from orders_svc.domain import Order
from orders_svc.placing import refusals
from orders_svc.three_phase.coordination_log import PRE_COMMITTING, CoordinationLog, Open

log = structlog.get_logger()

CRASH_POINTS = (
    "3pc.coordinator.begun",
    "3pc.coordinator.voted",
    "3pc.coordinator.pre-committing",
    "3pc.coordinator.pre-committed-once",
    "3pc.coordinator.pre-committed",
    "3pc.coordinator.decided",
    "3pc.coordinator.committed-once",
    "3pc.coordinator.committed",
    "3pc.coordinator.aborting",
)
"""The pending order is on disk; all votes are there; the log says so; one has pre-committed; both have; the decision is
on disk; one has committed; both have, and the log does not know; the decision to abort is on disk, nobody was told."""

ENDED = Counter("three_phase_coordinated_total", "Transactions ended by this coordinator", ["state"])
CONTRADICTED = Counter(
    "three_phase_contradicted_total", "Participants that had ended a transaction the other way", ["participant"]
)
STOPPED = "the coordinator stopped before the order was decided"
_STEP = {State.COMMITTED: "commit", State.ABORTED: "abort"}


class Coordinator:
    """``peers`` are the participants, asked in this order where the order matters. ``after_seconds`` is the
    participants' time-out: what has not moved for longer than that was left by a coordinator that stopped."""

    def __init__(self, coordination: CoordinationLog, peers: Mapping[str, Peer], *, after_seconds: float) -> None:
        self._log = coordination
        self._peers = peers
        self._after_seconds = after_seconds
        self._active: set[UUID] = set()

    async def carry_out(
        self, order: Order, votes: Mapping[str, tuple[str, Mapping[str, Any]]], caller: Caller
    ) -> tuple[Order, PeerError | None]:
        """The order as it was decided, and why it was not to be: a vote that was no, or a link that failed. ``votes``
        are the route and the body of each participant's can-commit; the log knows the order as begun."""
        self._active.add(order.id)
        try:
            crash_point("3pc.coordinator.begun")
            failure = await self._can_commit(votes, caller)
            if failure is not None:
                return await self._end(order, State.ABORTED, caller, refusals.reason_of(failure)), failure
            crash_point("3pc.coordinator.voted")
            if not await self._log.pre_committing(order.id):
                return order, None
            crash_point("3pc.coordinator.pre-committing")
            failure = await self._pre_commit(order.id, caller)
            if failure is not None:
                return await self._end(order, State.ABORTED, caller, refusals.reason_of(failure)), failure
            crash_point("3pc.coordinator.pre-committed")
            return await self._end(order, State.COMMITTED, caller), None
        finally:
            self._active.discard(order.id)

    async def run(self) -> None:
        """Takes up what a coordinator that stopped has left, for ever."""
        await every(min(max(self._after_seconds / 5, 0.05), 1.0), self.resume)

    async def resume(self) -> None:
        left = [one for one in await self._log.open(self._after_seconds) if one.order_id not in self._active]
        await asyncio.gather(*map(self._take_up, left))

    async def _can_commit(self, votes: Mapping[str, tuple[str, Mapping[str, Any]]], caller: Caller) -> PeerError | None:
        async def ask(name: str, path: str, body: Mapping[str, Any]) -> PeerError | None:
            try:
                await self._peers[name].post(PREFIX + path, body, caller=caller)
            except PeerError as error:
                return error
            return None

        answers = await asyncio.gather(*(ask(name, path, body) for name, (path, body) in votes.items()))
        failures = [answer for answer in answers if answer is not None]
        refused = (failure for failure in failures if isinstance(failure, PeerRefused))
        return next(refused, failures[0] if failures else None)

    async def _pre_commit(self, order_id: UUID, caller: Caller | None = None) -> PeerRefused | None:
        """A refusal: somebody has aborted by itself. One that does not answer has voted yes, and will ask."""
        for peer in self._peers.values():
            try:
                await peer.post(f"{PREFIX}/{order_id}/pre-commit", caller=caller)
            except PeerRefused as refused:
                return refused
            except PeerError as error:
                log.warning("a pre-commit was not acknowledged", order=str(order_id), reason=str(error))
            else:
                crash_point("3pc.coordinator.pre-committed-once")
        return None

    async def _end(self, order: Order, state: State, caller: Caller, reason: str = "") -> Order:
        decided = await self._log.end(order.id, state, reason)
        if decided is None:  # another replica has taken it up, because it took too long here
            return order
        ENDED.labels(state).inc()
        crash_point("3pc.coordinator.decided" if state is State.COMMITTED else "3pc.coordinator.aborting")
        await self._tell(order.id, state, caller)
        return decided

    async def _tell(self, order_id: UUID, state: State, caller: Caller | None = None) -> None:
        """Has everybody end it so. Whoever does not answer is told again later, by ``resume``, which does not know the
        caller (and its trace) any more."""

        async def tell(name: str, peer: Peer) -> str | None:
            answer = await _ended(peer, order_id, state, caller)
            if answer == "done" and state is State.COMMITTED:
                crash_point("3pc.coordinator.committed-once")
            if answer == "contradicted":
                CONTRADICTED.labels(name).inc()
            return answer

        answers = await asyncio.gather(*(tell(name, peer) for name, peer in self._peers.items()))
        if state is State.COMMITTED:
            crash_point("3pc.coordinator.committed")
        against = [name for name, said in zip(self._peers, answers, strict=True) if said == "contradicted"]
        try:
            if against:
                log.error("ended differently", order=str(order_id), decision=str(state), by=", ".join(against))
                await self._log.contradicted(order_id, against)
            elif None not in answers:
                await self._log.told(order_id)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("the log cannot be reached; everybody is told again later", error=str(error))

    async def _take_up(self, one: Open) -> None:
        """What was decided is told; what was not is decided, after asking: anyone aborted: abort; anyone pre-committed
        or committed: commit; else abort, but not while one that may have pre-committed does not answer."""
        if one.state in (State.COMMITTED, State.ABORTED):
            await self._tell(one.order_id, State(one.state))
            return
        known = await asyncio.gather(*(_state(peer, one.order_id) for peer in self._peers.values()))
        states = [state for state in known if isinstance(state, State)]
        end = outcome(states)
        nobody_knows = end is State.ABORTED and State.ABORTED not in states and "silent" in known
        if one.state == PRE_COMMITTING and nobody_knows:
            return
        if end is State.COMMITTED:
            refused = await self._pre_commit(one.order_id)
            end = State.ABORTED if refused is not None else end
        if await self._log.end(one.order_id, end, STOPPED) is not None:
            log.info("decided after asking", order=str(one.order_id), outcome=str(end))
            ENDED.labels(end).inc()
            await self._tell(one.order_id, end)


async def _ended(peer: Peer, order_id: UUID, state: State, caller: Caller | None) -> str | None:
    """``done``, ``contradicted``, or None when nobody knows yet."""
    try:
        await peer.post(f"{PREFIX}/{order_id}/{_STEP[state]}", caller=caller)
    except PeerRefused as refused:
        if refused.kind in ("committed-already", "aborted-already"):
            return "contradicted"
        if refused.kind == "not-pre-committed":  # it was away when the others were told: it asks, and learns
            return None
        return "done" if state is State.ABORTED else "contradicted"  # unknown: it has no vote, or has lost it
    except PeerError:
        return None
    return "done"


async def _state(peer: Peer, order_id: UUID) -> State | str:
    """Its state; ``unknown`` when it was never asked to commit; ``silent`` when it does not answer."""
    try:
        return State(str((await peer.get(f"{PREFIX}/{order_id}")).get("state")))
    except PeerRefused:
        return "unknown"
    except (PeerError, ValueError):
        return "silent"
