"""Wiring ``2pc``: placing and cancelling are transactions over all three databases, all or nothing.

The customer waits for both phases. There are no pending orders: until the transaction is committed nobody sees the
order, and when a participant refuses, or a link fails, the order is written down as rejected afterwards. Cancelling is
such a transaction, too; when it cannot be carried out everything stays as it was, and it may be repeated.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from calls.client import Caller, Peer, PeerError, PeerFailed
from kit import two_phase
from kit.app import Service
from kit.database import Connection
from kit.ids import new_id
from kit.problems import Problem
from kit.two_phase import PreparedTransactions, Recovery
from kit.two_phase.problems import BUSY
from orders_svc import store
from orders_svc.domain import CannotCancel, Order
from orders_svc.placing import refusals
from orders_svc.placing.admission import Candidate, admit, repeated
from orders_svc.placing.links import Links, consignment
from orders_svc.placing.protocol import OrderRequest
from orders_svc.settings import OrdersSettings
from orders_svc.tracing import trace_of
from orders_svc.two_phase import Coordinator, DecisionLog, Transaction, route
from orders_svc.waiting import Waiting

Insert = Callable[[Connection, list[tuple[OrderRequest, Order]]], Awaitable[None]]


def build(settings: OrdersSettings, service: Service, waiting: Waiting) -> "TwoPhasePlacing":
    """Adds coordinator and recovery to the service."""
    products = Peer(settings.products_url, settings.call_deadline_seconds)
    delivery = Peer(settings.delivery_url, settings.call_deadline_seconds)
    own = PreparedTransactions(
        "orders",
        service.database,
        limit=settings.prepared_limit,
        lock_timeout_seconds=settings.lock_timeout_seconds,
    )
    decisions = DecisionLog(service.database)
    coordinator = Coordinator(
        own,
        decisions,
        {"products": products, "delivery": delivery},
        limit=settings.prepared_limit,
        patience_seconds=settings.lock_timeout_seconds,
    )
    recovery = Recovery(own, decisions.asked, after_seconds=settings.in_doubt_seconds)
    service.closing += [products.close, delivery.close, own.close]
    service.tasks |= {"phase two": coordinator.run, "recovery": recovery.run}
    service.routers += [route.router(decisions), two_phase.router(own)]
    return TwoPhasePlacing(own, coordinator, Links(products, delivery), changed=waiting.tell)


class TwoPhasePlacing:
    """``changed`` is called with the orders that were changed, once that is committed."""

    answers_settled = True

    def __init__(
        self,
        own: PreparedTransactions,
        coordinator: Coordinator,
        links: Links,
        *,
        changed: Callable[[Iterable[Order]], None],
    ) -> None:
        self._own = own
        self._coordinator = coordinator
        self._links = links
        self._changed = changed

    async def place(self, request: OrderRequest) -> Order:
        if request.idempotency_key is not None:
            async with self._own.begin() as connection:
                earlier = await repeated(connection, request)
            if earlier is not None:
                return earlier
        candidate = Candidate(request, await self._links.shown(request))
        order_id = candidate.order_id
        transaction = Transaction(order_id, order_id, Caller(traceparent=trace_of(order_id, request.traceparent)))
        try:
            return await self._coordinator.transact(transaction, lambda own: _admit(own, candidate, _confirmed), _votes)
        except _Repeated as repeat:
            return repeat.order
        except PeerError as failure:
            return await self._reject(candidate, failure)

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        def votes(_order: Order) -> dict[str, tuple[str, dict[str, Any]]]:
            wish = {"orderId": str(order_id)}
            return {"delivery": ("/cancellations", wish), "products": ("/releases", wish)}

        async def cancel(connection: Connection) -> Order:
            order = await _locked(connection, order_id, reason)
            order.cancel(at=datetime.now(UTC))
            await store.save(connection, [order])
            return order

        transaction = Transaction(new_id(), order_id, Caller(traceparent=trace_of(order_id, traceparent)))
        try:
            order = await self._coordinator.transact(transaction, cancel, votes)
        except PeerError as failure:
            raise await self._not_cancelled(order_id, reason, failure) from failure
        self._changed([order])
        return order

    async def time_out(self, before: datetime, *, limit: int) -> int:
        """There are no pending orders."""
        return 0

    async def ready(self) -> str | None:
        return None

    async def _reject(self, candidate: Candidate, failure: PeerError) -> Order:
        """The order, rejected; raises Problem when a link failed, or when it may be tried again at once: then there is
        no order."""
        if isinstance(failure, PeerFailed) and failure.kind in BUSY:
            raise _try_again(failure)
        reason = refusals.reason_of(failure)

        async def rejected(connection: Connection, new: list[tuple[OrderRequest, Order]]) -> None:
            for _, order in new:
                order.reject(reason, at=datetime.now(UTC))
            await store.insert(connection, [order for _, order in new])

        async with self._own.begin() as connection:
            try:
                order = await _admit(connection, candidate, rejected)
            except _Repeated as repeat:
                return repeat.order
        if not refusals.is_refusal(failure):
            raise refusals.link_failure(failure, order_id=order.id)
        return order

    async def _not_cancelled(self, order_id: UUID, reason: str, failure: PeerError) -> Problem:
        """What to tell. Delivery's refusal is final and noted."""
        if not refusals.is_refusal(failure):
            return _unchanged(order_id, failure)
        refusal = refusals.reason_of(failure)
        async with self._own.begin() as connection:
            order = await _locked(connection, order_id, reason)
            order.refuse_cancellation(refusal, at=datetime.now(UTC))
            await store.save(connection, [order])
        return refusals.cannot_cancel(order_id, refusal, orderStatus=order.status)


class _Repeated(Exception):
    """The idempotency key has placed this order before; nothing is to be done."""

    def __init__(self, order: Order) -> None:
        super().__init__(str(order.id))
        self.order = order


async def _admit(connection: Connection, candidate: Candidate, insert: Insert) -> Order:
    [admitted] = await admit(connection, [candidate], insert)
    if isinstance(admitted, Problem):
        raise admitted
    if not admitted.new:
        raise _Repeated(admitted.order)
    return admitted.order


async def _confirmed(connection: Connection, new: list[tuple[OrderRequest, Order]]) -> None:
    for _, order in new:
        order.confirm(at=datetime.now(UTC))
    await store.insert(connection, [order for _, order in new])


async def _locked(connection: Connection, order_id: UUID, reason: str) -> Order:
    """The order, about to be cancelled. Raises Problem."""
    order = (await store.load(connection, [order_id], lock=True)).get(order_id)
    if order is None:
        raise refusals.unknown_order(order_id)
    try:
        order.request_cancellation(reason, at=datetime.now(UTC))
    except CannotCancel as error:
        raise refusals.cannot_cancel(order_id, str(error), orderStatus=order.status) from error
    return order


def _votes(order: Order) -> dict[str, tuple[str, dict[str, Any]]]:
    wish = {"orderId": str(order.id), "productId": order.product_id, "quantity": order.quantity}
    return {"products": ("/reservations", wish), "delivery": ("/deliveries", consignment(order))}


def _try_again(failure: PeerFailed) -> Problem:
    headers = {"Retry-After": "1"}
    return Problem(503, failure.kind, str(failure.problem.get("title")), failure.detail, headers=headers)


def _unchanged(order_id: UUID, failure: PeerError) -> Problem:
    return Problem(
        503,
        "cancellation-unanswered",
        "The order could not be cancelled now",
        f"nothing was changed, and you may repeat the request ({failure})",
        headers={"Retry-After": "1", "Location": f"/orders/{order_id}"},
        orderId=str(order_id),
    )
