"""Wiring ``3pc``: placing an order is a three-phase commit; the customer waits for all three.

The order is pending meanwhile, and nothing is locked. Cancelling goes the chain's way, through delivery, which decides
alone whether the goods are gone; it is repeated until it is answered, and needs no vote.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from calls.client import Caller, Peer
from kit.app import Service
from kit.database import Connection, Database
from kit.problems import Problem
from orders_svc import store
from orders_svc.domain import Order, Status
from orders_svc.placing import refusals
from orders_svc.placing.admission import Admissions, Admitted, Candidate, admit
from orders_svc.placing.chain import ChainPlacing
from orders_svc.placing.links import Links, consignment
from orders_svc.placing.protocol import OrderRequest, Placing
from orders_svc.settings import OrdersSettings
from orders_svc.three_phase import CoordinationLog, Coordinator, route
from orders_svc.tracing import trace_of
from orders_svc.waiting import Waiting


def build(settings: OrdersSettings, service: Service, waiting: Waiting) -> "ThreePhasePlacing":
    """Adds the coordinator to the service."""
    products = Peer(settings.products_url, settings.call_deadline_seconds)
    delivery = Peer(settings.delivery_url, settings.call_deadline_seconds)
    links = Links(products, delivery)
    coordination = CoordinationLog(service.database, changed=waiting.tell)
    peers = {"products": products, "delivery": delivery}
    coordinator = Coordinator(coordination, peers, after_seconds=settings.phase_timeout_seconds)
    cancelling = ChainPlacing(service.database, links, changed=waiting.tell)
    service.closing += [products.close, delivery.close]
    service.tasks["three-phase commit"] = coordinator.run
    service.routers.append(route.router(coordination))
    return ThreePhasePlacing(service.database, coordinator, links, cancelling)


class ThreePhasePlacing:
    answers_settled = True

    def __init__(self, database: Database, coordinator: Coordinator, links: Links, cancelling: Placing) -> None:
        self._database = database
        self._coordinator = coordinator
        self._cancelling = cancelling
        self._admissions = Admissions(database, links.shown, self._insert)

    async def place(self, request: OrderRequest) -> Order:
        admitted = await self._admissions.admit(request)
        if not admitted.new:
            return admitted.order
        caller = Caller(traceparent=trace_of(admitted.order.id, request.traceparent))
        order, failure = await self._coordinator.carry_out(admitted.order, _votes(admitted.order), caller)
        if failure is not None and order.status is Status.REJECTED and not refusals.is_refusal(failure):
            raise refusals.link_failure(failure, order_id=order.id)
        return order

    async def cancel(self, order_id: UUID, reason: str, *, traceparent: str | None = None) -> Order:
        return await self._cancelling.cancel(order_id, reason, traceparent=traceparent)

    async def time_out(self, before: datetime, *, limit: int) -> int:
        return await self._cancelling.time_out(before, limit=limit)

    async def ready(self) -> str | None:
        return None

    async def _insert(self, candidates: Sequence[Candidate]) -> list[Admitted | Problem]:
        async with self._database.transaction() as connection:
            return await admit(connection, candidates, _begin)


async def _begin(connection: Connection, new: list[tuple[OrderRequest, Order]]) -> None:
    await store.insert(connection, [order for _, order in new])
    await CoordinationLog.begin(connection, [order.id for _, order in new])


def _votes(order: Order) -> dict[str, tuple[str, dict[str, Any]]]:
    wish = {"orderId": str(order.id), "productId": order.product_id, "quantity": order.quantity}
    return {"products": ("/reservations", wish), "delivery": ("/deliveries", consignment(order))}
