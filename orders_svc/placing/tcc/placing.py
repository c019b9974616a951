"""Placing and cancelling orders by Try-Confirm/Cancel: the customer waits while both participants are asked twice."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from calls.client import PeerError, PeerRefused
from kit.crash import crash_point
from kit.database import Connection, Database
from kit.problems import Problem, unavailable
from orders_svc import store
from orders_svc.domain import TIMED_OUT, Order, Status
from orders_svc.placing import refusals
from orders_svc.placing.admission import Admissions, Admitted, Candidate, admit
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.links import Links
from orders_svc.placing.protocol import OrderRequest
from orders_svc.placing.tcc import log
from orders_svc.placing.tcc.coordinator import Coordinator, Decided
from orders_svc.placing.tcc.log import Logged, Phase
from orders_svc.placing.tcc.participants import Answers, Participants

logger = structlog.get_logger()

_ASK_AGAIN_AFTER = timedelta(seconds=5)


class TccPlacing:
    """``whole_order`` undoes orders that were confirmed, as the chain does: delivery decides whether that is possible.

    An order whose transaction is still open when the customer is answered (a participant has not answered) is pending,
    and a sweep goes on with it. No events are published here: what the aggregate records is dropped.
    """

    answers_settled = True

    def __init__(
        self,
        database: Database,
        links: Links,
        participants: Participants,
        coordinator: Coordinator,
        whole_order: ChainPlacing,
    ) -> None:
        self._database = database
        self._participants = participants
        self._coordinator = coordinator
        self._whole_order = whole_order
        self._admissions = Admissions(database, links.shown, self._insert)

    async def place(self, request: OrderRequest) -> Order:
        admitted = await self._admissions.admit(request)
        if not admitted.new:
            return admitted.order
        crash_point("tcc.began")
        return await self._carry_through(admitted.order, request.traceparent)

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        withdrawn = await self._withdraw(order_id, reason)
        end = await self._coordinator.resume(order_id)
        if end is None:
            raise refusals.unknown_order(order_id)
        if end.unanswered is not None and end.order.status is Status.CANCELLING:
            raise refusals.cancellation_unanswered(order_id, end.unanswered)
        if end.unanswered is not None:
            raise unavailable(f"the order is about to be settled, but a service has not answered ({end.unanswered})")
        if withdrawn and end.order.status is Status.CANCELLED:
            return end.order
        return await self._whole_order.cancel(order_id, reason, traceparent=traceparent)

    async def time_out(self, before: datetime, *, limit: int) -> int:
        """Only cancellations that nobody has answered: a pending order has an open transaction, which is finished."""
        asked_before = max(before, datetime.now(UTC) - _ASK_AGAIN_AFTER)
        async with self._database.transaction() as connection:
            left = await store.stuck(connection, [Status.CANCELLING], before=asked_before, limit=limit)
        open_still = 0
        for order in left:
            try:
                await self.cancel(order.id, order.reason or TIMED_OUT)
            except Problem as problem:
                open_still += problem.status != 409  # 409: delivered, or settled by somebody else meanwhile
                logger.warning("a cancellation is still open", order=str(order.id), reason=problem.detail)
        return len(left) - open_still

    async def ready(self) -> str | None:
        return None

    async def _carry_through(self, order: Order, traceparent: str | None) -> Order:
        answers = await self._participants.attempt(order, traceparent)
        crash_point("tcc.tried")
        failure = _failure(answers)
        phase = Phase.CONFIRMING if failure is None else Phase.CANCELLING
        reason = None if failure is None else _reason(failure)
        if await self._coordinator.decide(order.id, phase, reason):
            asked = [side for side, answer in answers.items() if not isinstance(answer, PeerRefused)]
            logged = Logged(order.id, phase, reason, None)
            end = await self._coordinator.finish(Decided(order, logged, traceparent, asked))
        else:
            overtaken = await self._coordinator.resume(order.id)
            assert overtaken is not None
            end, failure = overtaken, None
        if failure is not None and not refusals.is_refusal(failure):
            raise refusals.link_failure(failure, order_id=order.id)
        return end.order

    async def _withdraw(self, order_id: UUID, reason: str) -> bool:
        """Decides against an order about which nothing is decided yet: the customer was faster. Whether that was done,
        now or before, and the order is not settled yet."""
        async with self._database.transaction() as connection:
            order = (await store.load(connection, [order_id], lock=True)).get(order_id)
            logged = await log.find(connection, order_id, lock=True)
            if order is None or logged is None:
                return False
            if logged.phase is not Phase.TRYING:
                return order.status is Status.CANCELLING
            await log.decide(connection, [(order_id, Phase.CANCELLING, reason)], due_at=datetime.now(UTC))
            order.request_cancellation(reason, at=datetime.now(UTC))
            await store.save(connection, [order])
            return True

    async def _insert(self, candidates: Sequence[Candidate]) -> list[Admitted | Problem]:
        async with self._database.transaction() as connection:
            return await admit(connection, candidates, self._insert_orders)

    async def _insert_orders(self, connection: Connection, new: Sequence[tuple[OrderRequest, Order]]) -> None:
        orders = [order for _, order in new]
        await store.insert(connection, orders)
        await self._coordinator.begin(connection, orders)


def _failure(answers: Answers) -> PeerError | None:
    """Why the order cannot be had: a no says more than a silence."""
    failures = [answer for answer in answers.values() if answer is not None]
    return next((one for one in failures if isinstance(one, PeerRefused)), failures[0] if failures else None)


def _reason(failure: PeerError) -> str:
    return failure.detail if isinstance(failure, PeerRefused) else f"a service could not be tried: {failure}"
