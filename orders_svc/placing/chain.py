"""Wirings ``chain``, ``chain-retry`` and ``chain-mesh``: the customer waits while orders asks products, then delivery,
which asks products again.

The anti-pattern, faithfully. When a link fails or takes too long the order is rejected by a local update and the
customer gets an error; what the link may have done by then is not undone. Writes are grouped exactly as in the
``events`` wiring, and no database connection is held across a call, unless ``hold_transaction`` asks for the original
lab's way: one transaction, and its connection, open from the first call to the last. In ``chain-retry`` the links
repeat calls, and all calls of one order share one deadline; ``chain-mesh`` only asks at other addresses.

Cancelling asks delivery in the same manner. When no answer comes, nobody knows whether the delivery is cancelled: the
order stays ``cancelling``, and delivery is asked again, by the customer who repeats the request or by the sweep of
stuck orders, until it has answered. Asking twice, also at the same moment, is asking once.
No events are published here: what the aggregate records is dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from calls.client import PeerError
from kit.database import Connection, Database
from kit.grouping import Grouping
from kit.problems import Problem
from orders_svc import store
from orders_svc.domain import SETTLED, TIMED_OUT, CannotCancel, Order, ShownProduct, Status
from orders_svc.placing import refusals
from orders_svc.placing.admission import Admissions, Admitted, Candidate, admit, need_transaction, repeated
from orders_svc.placing.links import Links
from orders_svc.placing.protocol import OrderRequest

log = structlog.get_logger()

Change = Callable[[Order], None]
_UNSETTLED = frozenset(Status) - SETTLED
_ASK_AGAIN_AFTER = timedelta(seconds=5)


class ChainPlacing:
    """``changed`` is called with the orders that were changed, once that is committed. ``patience`` is how many seconds
    all calls for one order may take together; None: each takes what its peer is given, one after the other."""

    answers_settled = True

    def __init__(
        self,
        database: Database,
        links: Links,
        *,
        changed: Callable[[Iterable[Order]], None],
        patience: float | None = None,
        hold_transaction: bool = False,
    ) -> None:
        self._database = database
        self._links = links
        self._changed = changed
        self._patience = patience
        self._hold_transaction = hold_transaction
        self._admissions = Admissions(database, self._shown, self._insert)
        self._endings = Grouping(self._end, name="settle the order")

    async def place(self, request: OrderRequest) -> Order:
        if self._hold_transaction:
            return await self._place_in_one_transaction(request)
        if self._patience is not None:
            request = request.within(self._patience)
        admitted = await self._admissions.admit(request)
        if not admitted.new:
            return admitted.order
        return await self._answered(admitted.order, await self._deliver(admitted.order, request))

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        return await self._cancel(order_id, reason, traceparent, frozenset(Status))

    async def time_out(self, before: datetime, *, limit: int) -> int:
        """Cancels orders that a crash or a failed link left behind, one call each; how many delivery has answered for
        (those for which a link failed again stay ``cancelling``). Delivery is asked again about an order that is being
        cancelled once that is some seconds ago, however young the order is."""
        asked_before = max(before, _now() - _ASK_AGAIN_AFTER)
        async with self._database.transaction() as connection:
            left = await store.stuck(connection, [Status.PENDING], before=before, limit=limit)
            rest = limit - len(left)
            left += await store.stuck(connection, [Status.CANCELLING], before=asked_before, limit=rest)
        open_still = 0
        for order in left:
            try:
                await self._cancel(order.id, order.reason or TIMED_OUT, None, _UNSETTLED)
            except Problem as problem:
                open_still += problem.status != 409  # 409: delivered, or settled by somebody else meanwhile
                log.warning("an order that timed out was not cancelled", order=str(order.id), reason=problem.detail)
        return len(left) - open_still

    async def ready(self) -> str | None:
        return None

    async def _shown(self, request: OrderRequest) -> ShownProduct:
        """The product as it is shown to the customer. Raises Problem."""
        return await self._links.shown(request)

    async def _answered(self, order: Order, failure: PeerError | None) -> Order:
        """The order, ended by what delivery answered, or did not. Raises Problem."""
        return _outcome(await self._end_one(order, failure), failure)

    async def _end_one(self, order: Order, failure: PeerError | None) -> Order:
        return await self._endings.do((order, _ending(failure)))

    async def _cancel(self, order_id: UUID, reason: str, traceparent: str | None, among: frozenset[Status]) -> Order:
        await self._begin_cancelling(order_id, reason, among)
        try:
            refusal = await self._links.cancel(order_id, traceparent)
        except PeerError as error:
            raise refusals.cancellation_unanswered(order_id, error) from error
        if refusal is not None:
            order = await self._change(order_id, lambda order: order.refuse_cancellation(refusal, at=_now()))
            raise refusals.cannot_cancel(order_id, refusal, orderStatus=order.status)
        return await self._change(order_id, lambda order: order.cancel(at=_now()))

    async def _place_in_one_transaction(self, request: OrderRequest) -> Order:
        async with self._database.transaction() as connection:
            earlier = await repeated(connection, request)
            if earlier is not None:
                return earlier
            [admitted] = await admit(connection, [Candidate(request, await self._links.shown(request))], _insert)
            if isinstance(admitted, Problem):
                raise admitted
            order = admitted.order
            if not admitted.new:
                return order
            failure = await self._deliver(order, request)
            _ending(failure)(order)
            await store.save(connection, [order])
        return _outcome(order, failure)

    async def _deliver(self, order: Order, request: OrderRequest) -> PeerError | None:
        """What went wrong, or None when the delivery has started."""
        try:
            await self._links.deliver(order, request.traceparent, request.deadline)
        except PeerError as error:
            return error
        return None

    async def _begin_cancelling(self, order_id: UUID, reason: str, among: frozenset[Status]) -> None:
        """Sets the order ``cancelling``. Raises Problem, also if it was not ``among`` these before."""
        async with self._database.transaction() as connection:
            order = (await store.load(connection, [order_id], lock=True)).get(order_id)
            if order is None:
                raise refusals.unknown_order(order_id)
            before = order.status
            if before not in among:
                raise refusals.cannot_cancel(order_id, f"the order is {before} by now", orderStatus=before)
            try:
                order.request_cancellation(reason, at=_now())
            except CannotCancel as error:
                raise refusals.cannot_cancel(order_id, str(error), orderStatus=order.status) from error
            if order.events:
                await store.save(connection, [order])

    async def _insert(self, candidates: Sequence[Candidate]) -> list[Admitted | Problem]:
        database = self._database
        together = need_transaction(candidate.request for candidate in candidates)
        async with database.transaction() if together else database.connection() as connection:
            return await admit(connection, candidates, _insert)

    async def _end(self, endings: Sequence[tuple[Order, Change]]) -> list[Order]:
        """One statement for all orders that nobody has touched since they were inserted; the few others by lock."""
        for order, change in endings:
            change(order)
        async with self._database.connection() as connection:
            saved = await store.save_unless_overtaken(connection, [order for order, _ in endings])
        self._changed(order for order, _ in endings if order.id in saved)
        return [order if order.id in saved else await self._change(order.id, change) for order, change in endings]

    async def _change(self, order_id: UUID, change: Change) -> Order:
        async with self._database.transaction() as connection:
            order = (await store.load(connection, [order_id], lock=True))[order_id]
            change(order)
            if order.events:
                await store.save(connection, [order])
        self._changed([order])
        return order


async def _insert(connection: Connection, new: Sequence[tuple[OrderRequest, Order]]) -> None:
    await store.insert(connection, [order for _, order in new])


def _ending(failure: PeerError | None) -> Change:
    if failure is None:
        return lambda order: order.confirm(at=_now())
    reason = refusals.reason_of(failure)
    return lambda order: order.reject(reason, at=_now())


def _outcome(order: Order, failure: PeerError | None) -> Order:
    """The order; raises Problem when a failed link rejected it. A customer's refusal (409) is the order's own story."""
    if failure is not None and order.status is Status.REJECTED and not refusals.is_refusal(failure):
        raise refusals.link_failure(failure, order_id=order.id)
    return order


def _now() -> datetime:
    return datetime.now(UTC)
