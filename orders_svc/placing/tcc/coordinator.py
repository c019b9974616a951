"""The coordinator: decides once, durably, before anybody is told; then tells until everybody has answered.

A transaction is in the log (``log``) from before the first try until its order is settled, so whatever happens in
between, a sweep finds it and goes on: nothing decided means cancel, a decision is carried out. All steps may be taken
twice and by two replicas at once. Writes that wait at the same moment go into one transaction.

Participants may have undone a try by themselves, because its time was up. A decision to confirm then cannot be carried
out any more: that is a heuristic outcome. It is written down as what it is, and the order is undone as a whole, so that
neither side is left with half of it; unless the goods were handed over, and then the order stands.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from calls.client import PeerError, PeerRefused
from kit.crash import crash_point
from kit.database import Connection, Database
from kit.grouping import Grouping
from orders_svc import store
from orders_svc.domain import Order, Status
from orders_svc.placing.links import Links
from orders_svc.placing.tcc import log, telemetry
from orders_svc.placing.tcc.log import Logged, Phase
from orders_svc.placing.tcc.participants import BOTH, Answers, Participants, Side

logger = structlog.get_logger()

POINTS = (
    "tcc.began",
    "tcc.tried-products",
    "tcc.tried-delivery",
    "tcc.tried",
    "tcc.confirm-logged",
    "tcc.cancel-logged",
    "tcc.told-products",
    "tcc.told-delivery",
    "tcc.told",
    "tcc.compensation-logged",
    "tcc.compensated",
    "tcc.settled",
)
"""Where the process can be told to die (``SHOP_CRASH_AT``), in the order of the protocol; see docs/wirings/tcc.md."""

UNDECIDED = "the coordinator stopped before it had decided"
_RETRY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Decided:
    """A transaction whose outcome is in the log, and its order as it was last seen. ``asked``: who may hold something
    for it."""

    order: Order
    logged: Logged
    traceparent: str | None = None
    asked: Collection[Side] = BOTH


@dataclass(frozen=True, slots=True)
class End:
    """The order as it is now; ``unanswered`` is why its transaction is still open, None when it is closed."""

    order: Order
    unanswered: PeerError | None = None


Change = Callable[[Order], None]


class Coordinator:
    """``changed`` is called with orders that were settled, once that is committed. ``patience``: how long whoever has
    begun something is left to go on with it before a sweep does."""

    def __init__(
        self,
        database: Database,
        participants: Participants,
        whole_order: Links,
        *,
        changed: Callable[[Iterable[Order]], None],
        patience: timedelta,
    ) -> None:
        self._database = database
        self._participants = participants
        self._whole_order = whole_order
        self._changed = changed
        self._patience = patience
        self._decisions: Grouping[tuple[UUID, Phase, str | None], bool] = Grouping(
            self._decide, name="write the decision"
        )
        self._endings: Grouping[tuple[Order, Change], Order] = Grouping(self._close, name="settle the order")

    async def begin(self, connection: Connection, orders: Collection[Order]) -> None:
        """Logs the transactions of new orders, in the database transaction that inserts them."""
        now = _now()
        await log.begin(connection, (order.id for order in orders), at=now, due_at=now + self._patience)

    async def decide(self, order_id: UUID, phase: Phase, reason: str | None = None) -> bool:
        """Makes the decision durable; False when somebody else has decided before."""
        return await self._decisions.do((order_id, phase, reason))

    async def finish(self, one: Decided) -> End:
        """Carries the decision out, as far as the participants answer."""
        phase = one.logged.phase
        if phase is Phase.COMPENSATING:
            return await self._compensate(one)
        if phase is Phase.CONFIRMING:
            crash_point("tcc.confirm-logged")
            answers = await self._participants.confirm(one.order.id, one.traceparent)
        else:
            crash_point("tcc.cancel-logged")
            answers = await self._participants.cancel(one.order.id, one.asked, one.traceparent)
        if any(isinstance(answer, PeerRefused) for answer in answers.values()):
            return await self._not_as_decided(one, answers)
        unanswered = next((answer for answer in answers.values() if answer is not None), None)
        if unanswered is not None:
            return End(one.order, unanswered)
        crash_point("tcc.told")
        telemetry.ENDED.labels("confirmed" if phase is Phase.CONFIRMING else "cancelled").inc()
        return End(await self._endings.do((one.order, _confirm if phase is Phase.CONFIRMING else _undo(one.logged))))

    async def resume(self, order_id: UUID) -> End | None:
        """The order, after going on with its transaction if that is open and decided; None for an unknown one."""
        async with self._database.connection() as connection:
            logged = await log.find(connection, order_id)  # first: what is closed by now is settled in what comes next
            order = (await store.load(connection, [order_id])).get(order_id)
        if order is None:
            return None
        if logged is None or logged.phase is Phase.TRYING:
            return End(order)
        return await self.finish(Decided(order, logged))

    async def hurry(self) -> None:
        """Makes everything that is decided due at once."""
        async with self._database.connection() as connection:
            await log.hurry(connection, now=_now())

    async def take_up(self, *, limit: int) -> Sequence[Decided]:
        """Open transactions that nobody goes on with, decided: one in which nothing was decided is cancelled."""
        now = _now()
        async with self._database.transaction() as connection:
            due_at = now + _RETRY
            found = await log.take_up(connection, now=now, due_at=due_at, limit=limit)
            undecided = [(one.order_id, Phase.CANCELLING, UNDECIDED) for one in found if one.phase is Phase.TRYING]
            await log.decide(connection, undecided, due_at=due_at)
            orders = await store.load(connection, [one.order_id for one in found])
        for one in found:
            telemetry.TAKEN_UP.labels(one.phase).inc()
        return [Decided(orders[one.order_id], _presumed(one)) for one in found]

    async def _not_as_decided(self, one: Decided, answers: Answers) -> End:
        """Writes down that a participant has not done what was decided, and what became of the other; then undoes the
        order. If the transaction is closed by now, somebody else was faster, and this is no outcome of it."""
        kind = _kind(answers)
        said = "; ".join(f"{side}: {_words(answer)}" for side, answer in answers.items())
        reason = f"heuristic {kind}: decided was {one.logged.phase}, but {said}"
        async with self._database.connection() as connection:
            if not await log.compensate(connection, one.order.id, kind, reason, due_at=_now() + self._patience):
                return End((await store.load(connection, [one.order.id]))[one.order.id])
        telemetry.HEURISTICS.labels(kind).inc()
        logger.error("a heuristic outcome", order=str(one.order.id), kind=kind, reason=reason)
        crash_point("tcc.compensation-logged")
        logged = replace(one.logged, phase=Phase.COMPENSATING, reason=reason, heuristic=kind)
        return await self._compensate(replace(one, logged=logged))

    async def _compensate(self, one: Decided) -> End:
        try:
            refusal = await self._whole_order.cancel(one.order.id, one.traceparent)
        except PeerError as error:
            return End(one.order, error)
        crash_point("tcc.compensated")
        telemetry.ENDED.labels("heuristic").inc()
        return End(await self._endings.do((one.order, _undo(one.logged) if refusal is None else _stands(refusal))))

    async def _decide(self, decisions: Sequence[tuple[UUID, Phase, str | None]]) -> list[bool]:
        async with self._database.connection() as connection:
            written = await log.decide(connection, decisions, due_at=_now() + self._patience)
        return [order_id in written for order_id, _, _ in decisions]

    async def _close(self, endings: Sequence[tuple[Order, Change]]) -> list[Order]:
        """Settles the orders and closes their log in one transaction; the few that changed meanwhile one by one."""
        for order, change in endings:
            change(order)
        async with self._database.transaction() as connection:
            in_order = sorted((order for order, _ in endings), key=lambda order: order.id)
            saved = await store.save_unless_overtaken(connection, in_order)
            await log.close(connection, saved)
        self._changed(order for order, _ in endings if order.id in saved)
        orders = [order if order.id in saved else await self._close_one(order.id, change) for order, change in endings]
        crash_point("tcc.settled")
        return orders

    async def _close_one(self, order_id: UUID, change: Change) -> Order:
        async with self._database.transaction() as connection:
            order = (await store.load(connection, [order_id], lock=True))[order_id]
            change(order)
            if order.events:
                await store.save(connection, [order])
            await log.close(connection, [order_id])
        self._changed([order])
        return order


def _presumed(one: Logged) -> Logged:
    """Nothing decided means cancel, which is in the log by now."""
    return replace(one, phase=Phase.CANCELLING, reason=UNDECIDED) if one.phase is Phase.TRYING else one


def _kind(answers: Answers) -> str:
    """X/Open's word: ``mixed`` when one side did what was decided, ``hazard`` when that is not known of it, and
    ``rollback`` when neither did."""
    if any(answer is None for answer in answers.values()):
        return "mixed"
    return "rollback" if all(isinstance(answer, PeerRefused) for answer in answers.values()) else "hazard"


def _words(answer: PeerError | None) -> str:
    if answer is None:
        return "done"
    return answer.detail if isinstance(answer, PeerRefused) else f"no answer ({answer})"


def _confirm(order: Order) -> None:
    order.confirm(at=_now())


def _undo(logged: Logged) -> Change:
    """Rejected, or cancelled where the customer was faster than the decision."""

    def change(order: Order) -> None:
        if order.status is Status.CANCELLING:
            order.cancel(at=_now())
        else:
            order.reject(logged.reason or UNDECIDED, at=_now())

    return change


def _stands(refusal: str) -> Change:
    """The goods are with the customer: whatever is missing elsewhere, the order is confirmed."""

    def change(order: Order) -> None:
        if order.status is Status.CANCELLING:
            order.refuse_cancellation(refusal, at=_now())
        else:
            order.confirm(at=_now())

    return change


def _now() -> datetime:
    return datetime.now(UTC)
