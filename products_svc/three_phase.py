"""products' part in three-phase commit.

What is promised must not be sold to somebody else meanwhile, so the vote yes takes the stock, with its reservation and
its entry in the ledger; commit leaves it so, abort puts it back. Nothing is locked between the phases.
"""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from calls.client import Peer
from calls.three_phase import OthersByHttp
from kit import three_phase
from kit.app import Service
from kit.body import parse
from kit.database import Connection
from kit.problems import Problem
from kit.three_phase import Participant, Termination
from kit.three_phase.routes import PREFIX, answer, can_commit
from products_svc import participant as chain
from products_svc import refusals, store
from products_svc.domain import State
from products_svc.schemas import EXAMPLE_ORDER_ID, Reserve
from products_svc.settings import ProductsSettings


def build(settings: ProductsSettings, service: Service) -> store.Begin:
    """Adds the participant to the service, and the chain's routes, by which an order is cancelled."""
    begin = service.database.transaction
    participant = Participant(begin, Stock())
    delivery = Peer(settings.delivery_url, settings.call_deadline_seconds)
    orders = Peer(settings.orders_url, settings.call_deadline_seconds)
    termination = Termination(
        participant,
        OthersByHttp(delivery, orders),
        after_seconds=settings.phase_timeout_seconds,
        how=settings.three_phase_termination,
    )
    service.closing += [delivery.close, orders.close]
    service.tasks["termination"] = termination.run
    service.routers += [router(participant), three_phase.router(participant), chain.router(chain.Participant(begin))]
    return begin


class Stock:
    """``kit.three_phase.Effects``."""

    async def commit(self, connection: Connection, order_id: UUID) -> None:
        """The stock was taken with the vote."""

    async def abort(self, connection: Connection, order_id: UUID) -> None:
        at = datetime.now(UTC)
        warehouse = await store.load(connection, [], [order_id])
        warehouse.release(order_id, at=at)
        warehouse.close(at=at)
        await store.save(connection, warehouse)


def router(participant: Participant) -> APIRouter:
    routes = APIRouter(prefix=PREFIX, tags=["participant (three-phase commit)"])

    @routes.post("/reservations", **_RESERVE)
    async def reserve(request: Request) -> Response:
        wish = parse(Reserve, await request.body())

        async def hold(connection: Connection) -> None:
            at = datetime.now(UTC)
            warehouse = await store.load(connection, [wish.product_id], [wish.order_id])
            if wish.order_id in warehouse.reservations:
                raise _decided_before(wish.order_id, warehouse.reservations[wish.order_id].state)
            if wish.product_id not in warehouse.products:
                raise refusals.unknown_product(wish.product_id)
            reservation = warehouse.reserve(wish.order_id, wish.product_id, wish.quantity, at=at)
            if reservation.state is not State.RESERVED:
                raise refusals.not_reserved(reservation)
            warehouse.close(at=at)
            await store.save(connection, warehouse)

        return answer(wish.order_id, await participant.can_commit(wish.order_id, hold))

    return routes


def _decided_before(order_id: UUID, state: State) -> Problem:
    detail = f"the order's reservation is {state} already"
    return Problem(409, "decided-before", "The order has its reservation", detail, orderId=str(order_id))


_RESERVE = can_commit("take stock for an order", Reserve, {"orderId": EXAMPLE_ORDER_ID, "productId": 2, "quantity": 1})
