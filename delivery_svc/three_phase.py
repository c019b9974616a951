"""delivery's part in three-phase commit: with the vote yes it keeps what is to be delivered and where to, commit starts
the delivery, abort makes it not needed."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from calls.client import Peer
from calls.three_phase import OthersByHttp
from delivery_svc import participant as chain
from delivery_svc import refusals, store
from delivery_svc.domain import State
from delivery_svc.schemas import EXAMPLE_DELIVERY, Deliver
from delivery_svc.settings import DeliverySettings
from kit import three_phase
from kit.app import Service
from kit.body import parse
from kit.database import Connection
from kit.three_phase import Participant, Termination
from kit.three_phase.routes import PREFIX, answer, can_commit


def build(settings: DeliverySettings, service: Service) -> store.Begin:
    """Adds the participant to the service, and the chain's routes, by which an order is cancelled."""
    begin = service.database.transaction
    participant = Participant(begin, Deliveries())
    products = Peer(settings.products_url, settings.call_deadline_seconds)
    orders = Peer(settings.orders_url, settings.call_deadline_seconds)
    termination = Termination(
        participant,
        OthersByHttp(products, orders),
        after_seconds=settings.phase_timeout_seconds,
        how=settings.three_phase_termination,
    )
    service.closing += [products.close, orders.close]
    service.tasks["termination"] = termination.run
    chained = chain.Participant(begin, products)
    service.routers += [router(participant), three_phase.router(participant), chain.router(chained)]
    return begin


class Deliveries:
    """``kit.three_phase.Effects``."""

    async def commit(self, connection: Connection, order_id: UUID) -> None:
        at = datetime.now(UTC)
        await store.apply(connection, [(order_id, lambda delivery: delivery.stock_reserved(at=at))])

    async def abort(self, connection: Connection, order_id: UUID) -> None:
        at = datetime.now(UTC)
        await store.apply(connection, [(order_id, lambda delivery: delivery.stock_rejected(at=at))])


def router(participant: Participant) -> APIRouter:
    routes = APIRouter(prefix=PREFIX, tags=["participant (three-phase commit)"])

    @routes.post("/deliveries", **_DELIVER)
    async def deliver(request: Request) -> Response:
        wish = parse(Deliver, await request.body())

        async def hold(connection: Connection) -> None:
            at = datetime.now(UTC)
            change = (wish.order_id, lambda delivery: delivery.order_placed(wish.details(), at=at))
            [(delivery, _)] = await store.apply(connection, [change])
            if delivery.state is State.CANCELLED:
                raise refusals.cancelled(wish.order_id)
            if not delivery.changed:
                raise refusals.started_before(wish.order_id)

        return answer(wish.order_id, await participant.can_commit(wish.order_id, hold))

    return routes


_EXAMPLE = {name: EXAMPLE_DELIVERY[name] for name in Deliver.model_json_schema()["properties"]}
_DELIVER = can_commit("start a delivery", Deliver, _EXAMPLE)
