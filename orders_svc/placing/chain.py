"""Wiring ``chain``: the customer waits while orders asks products, then delivery, which asks products again.

The anti-pattern, faithfully. When a link fails or takes too long the order is rejected by a local update and the
customer gets an error; what the link may have done by then is not undone. Writes are grouped exactly as in the
``events`` wiring, and no database connection is held across a call, unless ``hold_transaction`` asks for the original
lab's way: one transaction, and its connection, open from the first call to the last.

Cancelling asks delivery in the same manner. When delivery cannot be asked, a confirmed order is confirmed again and the
customer may retry; one that was still pending stays ``cancelling`` until the sweep of stuck orders gets an answer.
No events are published here: what the aggregate records is dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from calls.client import Caller, Peer, PeerError, PeerFailed, PeerRefused
from kit.database import Connection, Database
from kit.grouping import Grouping
from kit.problems import Problem
from orders_svc import store
from orders_svc.domain import CannotCancel, Order, ShownProduct, Status
from orders_svc.placing import refusals
from orders_svc.placing.admission import Admitted, Candidate, admit, repeated
from orders_svc.placing.protocol import OrderRequest
from orders_svc.tracing import trace_of

log = structlog.get_logger()

Change = tuple[UUID, Callable[[Order], None]]


class ChainPlacing:
    """``changed`` is called with the orders that were changed, once that is committed."""

    answers_settled = True

    def __init__(
        self,
        database: Database,
        products: Peer,
        delivery: Peer,
        *,
        changed: Callable[[Iterable[Order]], None],
        hold_transaction: bool = False,
    ) -> None:
        self._database = database
        self._products = products
        self._delivery = delivery
        self._changed = changed
        self._hold_transaction = hold_transaction
        self._insertions = Grouping(self._insert)
        self._changes = Grouping(self._change)

    async def place(self, request: OrderRequest) -> Order:
        if self._hold_transaction:
            return await self._place_in_one_transaction(request)
        if request.idempotency_key is not None:
            async with self._database.connection() as connection:
                earlier = await repeated(connection, request)
            if earlier is not None:
                return earlier
        product = await self._read_product(request)
        admitted = await self._insertions.do(Candidate(request, product))
        if isinstance(admitted, Problem):
            raise admitted
        if not admitted.new:
            return admitted.order
        failure = await self._deliver(admitted.order, request)
        order = await self._changes.do((admitted.order.id, _ending(failure)))
        return _outcome(order, failure)

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        before = await self._before_cancellation(order_id, reason)
        caller = Caller(traceparent=trace_of(order_id, traceparent))
        try:
            await self._delivery.post(f"/participant/deliveries/{order_id}/cancel", caller=caller)
        except PeerError as error:
            if isinstance(error, PeerRefused) and error.status == 409:
                refusal = error.detail
                order = await self._changes.do((order_id, lambda o: o.refuse_cancellation(refusal, at=_now())))
                raise refusals.cannot_cancel(order_id, refusal, orderStatus=order.status) from error
            if before is Status.CONFIRMED:
                await self._changes.do((order_id, lambda o: o.give_up_cancellation(at=_now())))
            raise refusals.link_failure(error) from error
        return await self._changes.do((order_id, lambda o: _cancelled(o, reason)))

    async def time_out(self, before: datetime, *, limit: int) -> int:
        """Cancels orders that a crash or a failed link left behind, one call each."""
        async with self._database.transaction() as connection:
            left = await store.stuck(connection, [Status.PENDING, Status.CANCELLING], before=before, limit=limit)
        for order in left:
            try:
                await self.cancel(order.id, order.reason or refusals.TIMED_OUT)
            except Problem as problem:
                log.warning("an order that timed out is still open", order=str(order.id), reason=problem.detail)
        return len(left)

    async def ready(self) -> str | None:
        return None

    async def _place_in_one_transaction(self, request: OrderRequest) -> Order:
        async with self._database.transaction() as connection:
            earlier = await repeated(connection, request)
            if earlier is not None:
                return earlier
            [admitted] = await admit(connection, [Candidate(request, await self._read_product(request))])
            if isinstance(admitted, Problem):
                raise admitted
            order = admitted.order
            if not admitted.new:
                return order
            failure = await self._deliver(order, request)
            _ending(failure)(order)
            await store.save(connection, [order])
        return _outcome(order, failure)

    async def _read_product(self, request: OrderRequest) -> ShownProduct:
        """Name and price as products has them now. Raises Problem."""
        try:
            found = await self._products.get(
                f"/products/{request.product_id}", caller=Caller(traceparent=request.traceparent)
            )
            match found:
                case {"name": str(name), "price": int(price), "version": int(version), "withdrawn": bool(withdrawn)}:
                    pass
                case _:
                    raise PeerFailed(self._products.base_url, 200, {}, "the answer is not a product")
        except PeerRefused as error:
            if error.status == 404:
                raise refusals.unknown_product(request.product_id) from error
            raise refusals.link_failure(error) from error
        except PeerError as error:
            raise refusals.link_failure(error) from error
        if withdrawn:
            raise refusals.withdrawn_product(request.product_id, name)
        return ShownProduct(request.product_id, name, price, version)

    async def _deliver(self, order: Order, request: OrderRequest) -> PeerError | None:
        """Asks delivery, which asks products for the stock; the failure, or None when the delivery has started."""
        body: dict[str, Any] = {
            "orderId": str(order.id),
            "productId": order.product_id,
            "productName": order.product_name,
            "quantity": order.quantity,
            "customerId": order.customer_id,
            "customerName": order.customer_name,
            "address": order.address,
        }
        caller = Caller(traceparent=trace_of(order.id, request.traceparent))
        try:
            await self._delivery.post("/participant/deliveries", body, caller=caller)
        except PeerError as error:
            return error
        return None

    async def _before_cancellation(self, order_id: UUID, reason: str) -> Status:
        """Sets the order ``cancelling``, and says what it was. Raises Problem."""
        async with self._database.transaction() as connection:
            order = (await store.load(connection, [order_id], lock=True)).get(order_id)
            if order is None:
                raise refusals.unknown_order(order_id)
            before = order.status
            try:
                order.request_cancellation(reason, at=_now())
            except CannotCancel as error:
                raise refusals.cannot_cancel(order_id, str(error), orderStatus=order.status) from error
            if order.events:
                await store.save(connection, [order])
        return before

    async def _insert(self, candidates: Sequence[Candidate]) -> list[Admitted | Problem]:
        async with self._database.transaction() as connection:
            return await admit(connection, candidates)

    async def _change(self, changes: Sequence[Change]) -> list[Order]:
        async with self._database.transaction() as connection:
            orders = await store.load(connection, {order_id for order_id, _ in changes}, lock=True)
            for order_id, change in changes:
                change(orders[order_id])
            await _save_touched(connection, orders.values())
        self._changed(orders.values())
        return [orders[order_id] for order_id, _ in changes]


async def _save_touched(connection: Connection, orders: Iterable[Order]) -> None:
    touched = [order for order in orders if order.events]
    if touched:
        await store.save(connection, touched)


def _ending(failure: PeerError | None) -> Callable[[Order], None]:
    if failure is None:
        return lambda order: order.confirm(at=_now())
    reason = refusals.reason_of(failure)
    return lambda order: order.reject(reason, at=_now())


def _cancelled(order: Order, reason: str) -> None:
    """Delivery has cancelled. Another request's failed call may have confirmed the order again meanwhile."""
    order.request_cancellation(reason, at=_now())
    order.cancel(at=_now())


def _outcome(order: Order, failure: PeerError | None) -> Order:
    """The order; raises Problem when a failed link rejected it. A customer's refusal (409) is the order's own story."""
    if failure is not None and order.status is Status.REJECTED and not refusals.is_refusal(failure):
        raise refusals.link_failure(failure, order_id=order.id)
    return order


def _now() -> datetime:
    return datetime.now(UTC)
