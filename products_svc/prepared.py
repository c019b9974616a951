"""products' part in two-phase commit: stock is taken, or put back, in a transaction that is prepared and not finished.

Until the coordinator's decision arrives the product's row is locked: every other order of that product waits for it,
``SHOP_LOCK_TIMEOUT_SECONDS`` at most, and is answered with 503 then.
"""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from calls.client import Peer
from calls.coordinator import Coordinator
from kit import two_phase
from kit.app import Service
from kit.body import parse
from kit.problems import Problem
from kit.text import Body
from kit.two_phase import PreparedTransactions, Recovery
from kit.two_phase.routes import PREFIX, prepared, vote
from products_svc import refusals, store
from products_svc.domain import State
from products_svc.schemas import EXAMPLE_ORDER_ID, Reserve
from products_svc.settings import ProductsSettings


class PrepareReservation(Reserve):
    """Stock to be taken for an order, when the transaction is committed."""

    transaction_id: UUID


class PrepareRelease(Body):
    """What an order holds is to be put back, when the transaction is committed."""

    transaction_id: UUID
    order_id: UUID


def build(settings: ProductsSettings, service: Service) -> store.Begin:
    """Adds the participant to the service; how ordinary transactions begin beside it."""
    transactions = PreparedTransactions(
        "products",
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

    @routes.post("/reservations", **_RESERVE)
    async def reserve(request: Request) -> Response:
        wish = parse(PrepareReservation, await request.body())
        at = datetime.now(UTC)
        async with transactions.prepare(wish.transaction_id) as connection:
            warehouse = await store.load(connection, [wish.product_id], [wish.order_id], in_turn=False)
            if wish.order_id in warehouse.reservations:
                raise _decided_before(wish.order_id, warehouse.reservations[wish.order_id].state)
            if wish.product_id not in warehouse.products:
                raise refusals.unknown_product(wish.product_id)
            reservation = warehouse.reserve(wish.order_id, wish.product_id, wish.quantity, at=at)
            if reservation.state is not State.RESERVED:
                raise refusals.not_reserved(reservation)
            warehouse.close(at=at)
            await store.save(connection, warehouse)
        return prepared(wish.transaction_id)

    @routes.post("/releases", **_RELEASE)
    async def release(request: Request) -> Response:
        wish = parse(PrepareRelease, await request.body())
        at = datetime.now(UTC)
        async with transactions.prepare(wish.transaction_id) as connection:
            warehouse = await store.load(connection, [], [wish.order_id], in_turn=False)
            warehouse.release(wish.order_id, at=at)
            warehouse.close(at=at)
            await store.save(connection, warehouse)
        return prepared(wish.transaction_id)

    return routes


def _decided_before(order_id: UUID, state: State) -> Problem:
    detail = f"the order's reservation is {state} already, by another transaction"
    return Problem(409, "decided-before", "The order has its reservation", detail, orderId=str(order_id))


_CANCELLED = {"transactionId": EXAMPLE_ORDER_ID, "orderId": EXAMPLE_ORDER_ID}
_RESERVE = vote("take stock for an order", PrepareReservation, _CANCELLED | {"productId": 2, "quantity": 1})
_RELEASE = vote("put back what an order holds", PrepareRelease, _CANCELLED)
