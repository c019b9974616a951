"""delivery's part in two-phase commit: a delivery is started, or cancelled, in a transaction that is prepared and not
finished. Unlike in the chain, delivery asks nobody: the coordinator talks to everyone itself."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from calls.client import Peer
from calls.coordinator import Coordinator
from delivery_svc import refusals, store
from delivery_svc.domain import Delivery, State
from delivery_svc.schemas import EXAMPLE_DELIVERY, EXAMPLE_ORDER_ID, Deliver
from delivery_svc.settings import DeliverySettings
from kit import two_phase
from kit.app import Service
from kit.body import parse
from kit.text import Body
from kit.two_phase import PreparedTransactions, Recovery
from kit.two_phase.routes import PREFIX, prepared, vote


class PrepareDelivery(Deliver):
    """A delivery to be started, when the transaction is committed."""

    transaction_id: UUID


class PrepareCancellation(Body):
    """A delivery to be cancelled, when the transaction is committed."""

    transaction_id: UUID
    order_id: UUID


def build(settings: DeliverySettings, service: Service) -> store.Begin:
    """Adds the participant to the service; how ordinary transactions begin beside it."""
    transactions = PreparedTransactions(
        "delivery",
        service.database,
        limit=settings.prepared_limit,
        lock_timeout_seconds=settings.lock_timeout_seconds,
    )
    orders = Peer(settings.orders_url, settings.call_deadline_seconds)
    recovery = Recovery(transactions, Coordinator(orders).decision, after_seconds=settings.in_doubt_seconds)
    service.closing += [orders.close, transactions.close]
    service.tasks["recovery"] = recovery.run
    service.routers += [router(transactions), two_phase.router(transactions)]
    return transactions.begin


def router(transactions: PreparedTransactions) -> APIRouter:
    """The first phase. The answer is the vote: 200 is yes, and a promise; anything else is no, and leaves nothing."""
    routes = APIRouter(prefix=PREFIX, tags=["participant (two-phase commit)"])

    @routes.post("/deliveries", **_DELIVER)
    async def deliver(request: Request) -> Response:
        wish = parse(PrepareDelivery, await request.body())
        at = datetime.now(UTC)

        def start(delivery: Delivery) -> None:
            delivery.order_placed(wish.details(), at=at)
            delivery.stock_reserved(at=at)

        async with transactions.prepare(wish.transaction_id) as connection:
            [(delivery, _)] = await store.apply(connection, [(wish.order_id, start)])
            if delivery.state is State.CANCELLED:
                raise refusals.cancelled(wish.order_id)
            if not delivery.changed:
                raise refusals.started_before(wish.order_id)
        return prepared(wish.transaction_id)

    @routes.post("/cancellations", **_CANCEL)
    async def cancel(request: Request) -> Response:
        wish = parse(PrepareCancellation, await request.body())
        at = datetime.now(UTC)
        async with transactions.prepare(wish.transaction_id) as connection:
            change = (wish.order_id, lambda delivery: delivery.request_cancellation(at=at))
            [(_, granted)] = await store.apply(connection, [change])
            if not granted:
                raise refusals.delivered(wish.order_id)
        return prepared(wish.transaction_id)

    return routes


_EXAMPLE = {name: EXAMPLE_DELIVERY[name] for name in Deliver.model_json_schema()["properties"]}
_DELIVER = vote("start a delivery", PrepareDelivery, {"transactionId": EXAMPLE_ORDER_ID, **_EXAMPLE})
_CANCEL = vote(
    "cancel a delivery", PrepareCancellation, {"transactionId": EXAMPLE_ORDER_ID, "orderId": EXAMPLE_ORDER_ID}
)
